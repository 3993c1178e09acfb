package config

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/dispatcher"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/queue"
)

// Config is the whole configuration of a gateway. The keys of the file are the yaml names.
type Config struct {
	Env        string     `yaml:"env"`  // development (default) or production, which refuses the sandbox and a volatile store
	Node       string     `yaml:"node"` // names this process in leases; default: the host's name
	Data       string     `yaml:"data"` // directory of clips, keys and the embedded store
	HTTP       Listener   `yaml:"http"`
	Admin      Listener   `yaml:"admin"` // metrics, pprof, health: keep it off the Internet
	Redis      Redis      `yaml:"redis"`
	Log        Log        `yaml:"log"`
	Dispatcher Dispatcher `yaml:"dispatcher"`
	Media      Media      `yaml:"media"`
	Trunks     []Trunk    `yaml:"trunks"`  // none: the sandbox trunk is used
	Sandbox    Sandbox    `yaml:"sandbox"` // limits of the sandbox trunk
}

// Listener is where a server listens.
type Listener struct {
	Listen string `yaml:"listen"` // "ip:port"; port 0 lets the kernel choose
}

// Redis says where the state is.
type Redis struct {
	URL string `yaml:"url"` // redis://, rediss:// or unix://; empty: the embedded store
	// RequireDurable refuses the volatile in-process store. It is implied by env: production.
	RequireDurable bool `yaml:"require_durable"`
}

// Log is how the gateway logs.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
}

// Dispatcher holds what an operator may set of dispatching.
type Dispatcher struct {
	Drain time.Duration `yaml:"drain"` // how long running calls may go on after SIGTERM
	// Redial is the least time before an attempt whose end is not known is followed by another (on_uncertain: redial): as
	// long as a phone may ring for the lost one.
	Redial time.Duration `yaml:"redial"`
}

// Media holds what an operator may set of play-out.
type Media struct {
	LeadIn time.Duration `yaml:"lead_in"` // silence before the clip
}

// Sandbox is the trunk that is used where none is defined: a farm of callees inside the gateway. It calls nobody.
type Sandbox struct {
	CPS      float64 `yaml:"cps"`
	Channels int     `yaml:"channels"`
}

// Default returns the settings of a gateway that was started without a file: everything on loopback, embedded store,
// sandbox trunk.
func Default() Config {
	return Config{
		Env: "development", Node: hostName(), Data: "avanak-data",
		HTTP: Listener{Listen: "127.0.0.1:8080"}, Admin: Listener{Listen: "127.0.0.1:9090"},
		Log:        Log{Level: "info", Format: "text"},
		Dispatcher: Dispatcher{Drain: dispatcher.DefaultConfig().Drain, Redial: dispatcher.DefaultConfig().Redial},
		Media:      Media{LeadIn: media.DefaultLeadIn},
		Sandbox:    Sandbox{CPS: 20, Channels: 300},
	}
}

var notNodeName = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// hostName makes the host's name fit a lease.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return queue.DefaultConfig().Node
	}
	name = notNodeName.ReplaceAllString(name, "-")
	if name == "" {
		return queue.DefaultConfig().Node
	}
	return name[:min(len(name), 64)]
}

// Production tells whether people's phones are at stake by declaration.
func (c Config) Production() bool { return c.Env == "production" }

// Level returns the log level.
func (l Log) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return 0, fmt.Errorf("%w: must be debug, info, warn or error", avanak.ErrInvalid)
	}
	return level, nil
}

// SlogLevel returns the log level of a validated configuration.
func (l Log) SlogLevel() slog.Level {
	level, _ := l.level() //nolint:errcheck // Validate has seen it
	return level
}

// QueueConfig returns the queue's settings.
func (c Config) QueueConfig() queue.Config {
	q := queue.DefaultConfig()
	q.Node, q.Redial = c.Node, c.Dispatcher.Redial
	return q
}

// DispatcherConfig returns the dispatcher's settings.
func (c Config) DispatcherConfig() dispatcher.Config {
	d := dispatcher.DefaultConfig()
	d.Drain, d.Redial = c.Dispatcher.Drain, c.Dispatcher.Redial
	return d
}
