package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/dispatcher"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/sip"
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

// Trunk is one carrier route.
type Trunk struct {
	Name           string        `yaml:"name"`
	Target         string        `yaml:"target"`          // "host:port" of the carrier
	Bind           string        `yaml:"bind"`            // local "ip:port" for SIP
	AdvertiseSIP   string        `yaml:"advertise_sip"`   // what the carrier sees, where a NAT is between
	AdvertiseMedia string        `yaml:"advertise_media"` // IP address in the SDP; default: the bound one
	RTP            RTP           `yaml:"rtp"`
	CPS            float64       `yaml:"cps"`
	Channels       int           `yaml:"channels"`
	Callers        []string      `yaml:"callers"`       // caller numbers that the carrier granted; the first is the default
	NumberFormat   string        `yaml:"number_format"` // e164, national, international or digits
	FirstResponse  time.Duration `yaml:"first_response"`
}

// RTP is where a trunk's media leaves from.
type RTP struct {
	Bind string `yaml:"bind"` // local IP address
	Min  uint16 `yaml:"min"`  // first port
	Max  uint16 `yaml:"max"`  // last port
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

// Pace returns the trunk as the dispatcher sees it.
func (t Trunk) Pace() avanak.Trunk {
	return avanak.Trunk{Name: t.Name, CPS: t.CPS, Channels: t.Channels}
}

// SIPConfig returns the trunk as sip sees it.
func (t Trunk) SIPConfig() sip.Config {
	s := sip.DefaultConfig()
	s.Name, s.Targets, s.AdvertiseSIP = t.Name, []string{t.Target}, t.AdvertiseSIP
	if t.Bind != "" {
		s.Bind = t.Bind
	}
	s.Callers = t.Callers
	if t.NumberFormat != "" {
		s.NumberFormat = sip.NumberFormat(t.NumberFormat)
	}
	if t.FirstResponse != 0 {
		s.FirstResponse = t.FirstResponse
	}
	return s
}

// PortRange returns where the trunk's media leaves from.
func (t Trunk) PortRange() (media.PortRange, error) {
	r := media.PortRange{Min: t.RTP.Min, Max: t.RTP.Max}
	if t.RTP.Bind != "" {
		ip, err := netip.ParseAddr(t.RTP.Bind)
		if err != nil {
			return r, fmt.Errorf("%w: %q is no IP address", avanak.ErrInvalid, t.RTP.Bind)
		}
		r.IP = ip
	}
	return r, r.Validate()
}
