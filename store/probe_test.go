package store

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts []redistest.Option
		want Durability
		line string
	}{
		{"always", []redistest.Option{redistest.WithAOF("always")}, Always, "appendonly yes, appendfsync always)"},
		{"everysec", []redistest.Option{redistest.WithAOF("everysec")}, EverySec, "a power cut can lose the last seconds"},
		{"kernel", []redistest.Option{redistest.WithAOF("no")}, Volatile, "appendfsync no): a power cut loses"},
		{"no file", nil, Volatile, "appendonly no, appendfsync everysec): accepted work is lost with the server"},
		{"config forbidden", []redistest.Option{redistest.WithConfig("rename-command", "CONFIG", "")}, Unknown, "does not tell"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := Probe(t.Context(), redistest.Start(t, tt.opts...).Client())
			require.NoError(t, err)
			require.Equal(t, tt.want, g.Durability)
			require.Contains(t, g.String(), "store durability "+string(tt.want)+" (redis ")
			require.Contains(t, g.String(), tt.line)
		})
	}
}

func TestProbeRefusesEviction(t *testing.T) {
	rdb := redistest.Start(t, redistest.WithConfig("maxmemory-policy", "allkeys-lru")).Client()
	_, err := Probe(t.Context(), rdb)
	require.ErrorIs(t, err, avanak.ErrConflict)
	require.ErrorContains(t, err, "maxmemory-policy is allkeys-lru")
}

func TestProbeOfAServerWithoutConfig(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		g, err := Probe(t.Context(), rdb)
		require.NoError(t, err)
		require.NotEqual(t, Always, g.Durability)
		require.NotEmpty(t, g.Warning)
	})
}

func TestProbeOfAClusterTakesTheWeakestMaster(t *testing.T) {
	// A server in cluster mode that owns all slots is the smallest cluster; it listens on a socket only, where clients are led.
	s := redistest.Start(t, redistest.WithAOF("everysec"), redistest.WithConfig("cluster-enabled", "yes"))
	require.NoError(t, s.Client().Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err())
	rdb := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{s.Socket()},
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: s.Socket()}}}}, nil
		},
		NewClient: func(*redis.Options) *redis.Client { return redis.NewClient(s.Options()) },
	})
	t.Cleanup(func() { _ = rdb.Close() })
	g, err := Probe(t.Context(), rdb)
	require.NoError(t, err)
	require.Equal(t, EverySec, g.Durability)

	require.NoError(t, s.Client().ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	_, err = Probe(t.Context(), rdb)
	require.ErrorIs(t, err, avanak.ErrConflict)
	require.NotErrorIs(t, err, avanak.ErrUnavailable)
}

func TestGuaranteesAreOrdered(t *testing.T) {
	order := []Durability{"", Always, EverySec, Unknown, Volatile}
	for i, weaker := range order[1:] {
		require.Greater(t, Guarantee{Durability: weaker}.rank(), Guarantee{Durability: order[i]}.rank())
	}
}

func TestServerName(t *testing.T) {
	for info, want := range map[string]string{
		"# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n":         "redis 7.0.15",
		"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n": "valkey 8.1.0",
		"":             "unknown server",
		"no colon\r\n": "unknown server",
	} {
		require.Equal(t, want, serverName(info))
	}
}
