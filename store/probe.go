package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// Durability is what survives which accident once Redis has acknowledged a write.
type Durability string

// The durabilities, best first. Unknown is for servers that do not tell.
const (
	Always   Durability = "always"   // a power cut loses nothing: AOF, fsync before every reply
	EverySec Durability = "everysec" // a killed server loses nothing, a power cut up to a second or two
	Volatile Durability = "volatile" // no promise: no AOF, or fsync left to the kernel
	Unknown  Durability = "unknown"
)

// Guarantee is what Probe found out about a Redis.
type Guarantee struct {
	Durability Durability
	Server     string // "redis 7.0.15"; "unknown server" where it does not tell
	AOF        string // appendonly as the server reports it; "" where it does not tell
	Fsync      string // appendfsync; "" where it does not tell
	Warning    string // what the operator should know; "" where all is well
}

// String is the one line that the gateway prints at its start.
func (g Guarantee) String() string {
	s := "store durability " + string(g.Durability) + " (" + g.Server
	if g.AOF != "" {
		s += ", appendonly " + g.AOF + ", appendfsync " + g.Fsync
	}
	s += ")"
	if g.Warning != "" {
		s += ": " + g.Warning
	}
	return s
}

// Probe asks a Redis how durable it is. Of a cluster, the weakest master counts. It refuses, with an error that wraps
// avanak.ErrConflict, a maxmemory-policy other than noeviction, under which Redis would drop accepted work. A server that
// forbids CONFIG has durability Unknown and a Warning.
func Probe(ctx context.Context, rdb redis.UniversalClient) (Guarantee, error) {
	cluster, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return probeNode(ctx, rdb)
	}
	var (
		mu      sync.Mutex
		weakest Guarantee
	)
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		g, err := probeNode(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && g.rank() > weakest.rank() {
			weakest = g
		}
		return err
	})
	if err != nil {
		return Guarantee{}, redisFault("probe cluster", err)
	}
	return weakest, nil
}

// rank orders guarantees from none at all to the weakest.
func (g Guarantee) rank() int {
	switch g.Durability {
	case Always:
		return 1
	case EverySec:
		return 2
	case Unknown:
		return 3
	case Volatile:
		return 4
	}
	return 0
}

// probeNode asks one server.
func probeNode(ctx context.Context, rdb redis.Cmdable) (Guarantee, error) {
	if err := rdb.Ping(ctx).Err(); err != nil {
		return Guarantee{}, redisFault("probe redis", err)
	}
	g := Guarantee{Server: serverName(rdb.Info(ctx, "server").Val())}
	settings := map[string]string{}
	for _, name := range []string{"maxmemory-policy", "appendonly", "appendfsync"} {
		got, err := rdb.ConfigGet(ctx, name).Result()
		if _, refused := errors.AsType[redis.Error](err); err != nil && !refused {
			return Guarantee{}, redisFault("probe redis: config get "+name, err)
		}
		if got[name] == "" { // the command is forbidden by an ACL or renamed away, as managed services do
			g.Durability = Unknown
			g.Warning = "the server does not tell its settings: make sure of appendonly yes, appendfsync always, " +
				"maxmemory-policy noeviction"
			return g, nil
		}
		settings[name] = got[name]
	}
	if p := settings["maxmemory-policy"]; p != "noeviction" {
		return Guarantee{}, fmt.Errorf("probe redis: %w: maxmemory-policy is %s, under which redis drops accepted work: "+
			"set it to noeviction", avanak.ErrConflict, p)
	}
	g.AOF, g.Fsync = settings["appendonly"], settings["appendfsync"]
	g.judge()
	return g, nil
}

// judge turns the settings into a durability.
func (g *Guarantee) judge() {
	switch {
	case g.AOF != "yes":
		g.Durability, g.Warning = Volatile, "accepted work is lost with the server: set appendonly yes, appendfsync always"
	case g.Fsync == "always":
		g.Durability = Always
	case g.Fsync == "everysec":
		g.Durability, g.Warning = EverySec, "a power cut can lose the last seconds of accepted work: set appendfsync always"
	default:
		g.Durability, g.Warning = Volatile, "a power cut loses what the kernel has not written: set appendfsync always"
	}
}

// serverName reads name and version from INFO server; Valkey also reports the redis_version that it is compatible with.
func serverName(info string) string {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	switch {
	case fields["valkey_version"] != "":
		return "valkey " + fields["valkey_version"]
	case fields["redis_version"] != "":
		return "redis " + fields["redis_version"]
	}
	return "unknown server"
}
