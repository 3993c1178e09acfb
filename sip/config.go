package sip

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/digest"
)

// Config is how to signal over one trunk. The zero value of an optional field means its default.
type Config struct {
	Name          string        // of the trunk; a metric label
	Targets       []string      // the carrier's addresses in order of preference: "ip", "ip:port", "host:port", or "host" (SRV, then A)
	Transport     Transport     // OverUDP, OverTCP or OverTLS; nothing is ever sent by a weaker one
	Bind          string        // local "ip:port"; port 0 lets the kernel choose, an unspecified ip listens on all
	AdvertiseSIP  string        // "host" or "host:port" that the carrier sees where a NAT is between; "" means the bound address
	UserAgent     string        // User-Agent header (RFC 3261 section 20.41)
	Callers       []string      // digits shown where the Invite names no caller, a leading + is allowed; a callee always sees the same one
	NumberFormat  NumberFormat  // how numbers are written in URIs
	FirstResponse time.Duration // silence after an INVITE that ends the attempt as uncertain

	Auth     digest.Credentials // answers to 401 and 407; none where Username is ""
	TLS      TLS                // for OverTLS
	Register Register           // where the carrier wants to know where we are
	Identity Identity           // who calls, beyond From
	Headers  []Header           // put on every INVITE
	Options  time.Duration      // between keep-alives of each target (RFC 3261 section 11); 0 means 30 s, negative none
	Sources  []netip.Prefix     // from where the carrier's own requests may come, beside the targets
	MTU      int                // largest message by UDP, in bytes; 0 means 1300 (RFC 3261 section 18.1.1)
	Oversize Oversize           // what becomes of a larger one
	Session  time.Duration      // Session-Expires that we ask for (RFC 4028); 0 means none, at least 90 s
}

// Transport is what carries a trunk's messages.
type Transport string

// The transports.
const (
	OverUDP Transport = "udp"
	OverTCP Transport = "tcp"
	OverTLS Transport = "tls"
)

// Oversize is what becomes of a request that is larger than a trunk's MTU.
type Oversize string

// What becomes of it.
const (
	Refuse    Oversize = "refuse"   // it is a fault of the configuration, and said so
	SwitchTCP Oversize = "tcp"      // it goes by TCP (RFC 3261 section 18.1.1)
	Fragment  Oversize = "fragment" // it goes by UDP all the same, in IP fragments
)

// TLS is how a TLS connection is verified. The carrier's certificate is always verified.
type TLS struct {
	CAFile     string // PEM file with the authorities to trust; "" means those of the system
	ServerName string // name in the carrier's certificate; "" means the target's
	CertFile   string // PEM file with our certificate, where the carrier wants one
	KeyFile    string // PEM file with its key
}

// Register is how we tell the carrier where we are (RFC 3261 section 10). The zero value does not.
type Register struct {
	User    string        // user part of the address of record; "" means no registration
	Domain  string        // "" means the first target's host
	Expires time.Duration // what we ask for; 0 means 5 min
}

// Identity says who calls, beyond the number in From. The zero value adds nothing.
type Identity struct {
	Asserted   string // number for P-Asserted-Identity (RFC 3325), digits with a leading +; "caller" means the shown one
	Anonymous  bool   // withhold the number: From anonymous, Privacy: id (RFC 3323)
	PhoneParam bool   // user=phone in URIs of numbers (RFC 3261 section 19.1.1)
	Domain     string // host part of From and P-Asserted-Identity; "" means ours
}

// Header is one further header of INVITEs.
type Header struct{ Name, Value string }

// Defaults of Config.
const (
	DefaultBind          = "0.0.0.0:0"
	DefaultUserAgent     = "Avanak"
	DefaultFirstResponse = 6 * time.Second
	DefaultOptions       = 30 * time.Second
	DefaultMTU           = 1300
	DefaultExpires       = 5 * time.Minute
)

const (
	defaultPort    = 5060
	defaultTLSPort = 5061
)

// Bounds of Config.
const (
	maxTargets = 16
	maxCallers = 1000
	maxHeaders = 16
	minSession = 90 * time.Second // RFC 4028 section 4
)

// DefaultConfig returns the defaults; Name, Targets and Callers have none.
func DefaultConfig() Config {
	return Config{Transport: OverUDP, Bind: DefaultBind, UserAgent: DefaultUserAgent, NumberFormat: E164,
		FirstResponse: DefaultFirstResponse, Options: DefaultOptions, MTU: DefaultMTU, Oversize: Refuse}
}

// withDefaults fills the optional fields that are zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.Transport, c.Bind, c.UserAgent = cmp.Or(c.Transport, d.Transport), cmp.Or(c.Bind, d.Bind), cmp.Or(c.UserAgent, d.UserAgent)
	c.NumberFormat, c.FirstResponse = cmp.Or(c.NumberFormat, d.NumberFormat), cmp.Or(c.FirstResponse, d.FirstResponse)
	c.Options, c.MTU, c.Oversize = cmp.Or(c.Options, d.Options), cmp.Or(c.MTU, d.MTU), cmp.Or(c.Oversize, d.Oversize)
	if c.Register.User != "" {
		c.Register.Expires = cmp.Or(c.Register.Expires, DefaultExpires)
	}
	return c
}

// Validate names the first rule that the configuration breaks; the error wraps avanak.ErrInvalid. It reads no file.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.Name == "" || len(c.Name) > 64 {
		return fmt.Errorf("%w: a SIP trunk needs a name of at most 64 characters", avanak.ErrInvalid)
	}
	for _, check := range []func() error{c.checkAddresses, c.checkTexts, c.checkCallers, c.checkTimes, c.checkAuth} {
		if err := check(); err != nil {
			return fmt.Errorf("%w: trunk %s: %w", avanak.ErrInvalid, c.Name, err)
		}
	}
	return nil
}

func (c Config) checkAddresses() error {
	bind, err := netip.ParseAddrPort(c.Bind)
	if err != nil || bind.Addr().Zone() != "" {
		return fmt.Errorf("bind %q must be ip:port", c.Bind)
	}
	if len(c.Targets) == 0 || len(c.Targets) > maxTargets {
		return fmt.Errorf("name 1 to %d targets", maxTargets)
	}
	for _, t := range c.Targets {
		host, port, err := splitHost(t, defaultPort)
		if err != nil || port == 0 || !validHost(host) {
			return fmt.Errorf("target %q must be host or host:port", t)
		}
		if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().Is4() != bind.Addr().Unmap().Is4() {
			return fmt.Errorf("target %q and bind %q must be of one address family", t, c.Bind)
		}
	}
	if c.AdvertiseSIP != "" {
		if host, _, err := splitHost(c.AdvertiseSIP, defaultPort); err != nil || !validHost(host) {
			return fmt.Errorf("advertise_sip %q must be host or host:port", c.AdvertiseSIP)
		}
	}
	for _, s := range c.Sources {
		if !s.IsValid() || s.Bits() == 0 {
			return fmt.Errorf("sources: %s lets everybody in", s)
		}
	}
	switch c.Transport {
	case OverUDP, OverTCP:
		if c.TLS != (TLS{}) {
			return errors.New("tls settings need transport tls")
		}
	case OverTLS:
		if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
			return errors.New("tls: a certificate and its key come together")
		}
		if c.TLS.ServerName == "" && !c.oneHost() {
			return errors.New("tls: targets of several names need the server_name that their certificates share")
		}
		if c.TLS.ServerName != "" && !validHost(c.TLS.ServerName) {
			return errors.New("tls: server_name must be a host name")
		}
	default:
		return errors.New("transport must be udp, tcp or tls")
	}
	return nil
}

// oneHost tells whether all targets are ports of one host.
func (c Config) oneHost() bool {
	first, _, _ := splitHost(c.Targets[0], defaultTLSPort) //nolint:errcheck // checked before
	return !slices.ContainsFunc(c.Targets, func(t string) bool {
		host, _, _ := splitHost(t, defaultTLSPort) //nolint:errcheck // checked before
		return !strings.EqualFold(host, first)
	})
}

func (c Config) checkTexts() error {
	if len(c.UserAgent) > 128 || !printable(c.UserAgent) {
		return errors.New("user_agent must be at most 128 printable ASCII characters")
	}
	if len(c.Headers) > maxHeaders {
		return fmt.Errorf("at most %d headers", maxHeaders)
	}
	for _, h := range c.Headers {
		switch {
		case !token(h.Name) || ours(h.Name):
			return fmt.Errorf("header %q: not a header that a trunk may set", h.Name)
		case len(h.Value) > 256 || !printable(h.Value):
			return fmt.Errorf("header %s: value must be at most 256 printable ASCII characters", h.Name)
		}
	}
	if c.Identity.Domain != "" && !validHost(c.Identity.Domain) {
		return errors.New("identity domain must be a host name")
	}
	if c.Register.Domain != "" && !validHost(c.Register.Domain) {
		return errors.New("register domain must be a host name")
	}
	if c.Register.User != "" && !validUser(c.Register.User) {
		return errors.New("register user must be letters, digits and -_.+")
	}
	return nil
}

func (c Config) checkCallers() error {
	if len(c.Callers) == 0 || len(c.Callers) > maxCallers {
		return fmt.Errorf("name 1 to %d callers", maxCallers)
	}
	for _, caller := range c.Callers {
		if !validCaller(caller) {
			return errors.New("callers must have 3 to 15 digits")
		}
	}
	if a := c.Identity.Asserted; a != "" && a != AssertCaller && !validCaller(a) {
		return fmt.Errorf("asserted identity must be %q or have 3 to 15 digits", AssertCaller)
	}
	if !c.NumberFormat.valid() {
		return fmt.Errorf("number_format must be one of %s", strings.Join(numberFormats(), ", "))
	}
	return nil
}

func (c Config) checkTimes() error {
	switch {
	case c.FirstResponse < 100*time.Millisecond || c.FirstResponse > 30*time.Second:
		return errors.New("first_response must be 100ms to 30s")
	case c.Options > 0 && (c.Options < 100*time.Millisecond || c.Options > time.Hour):
		return errors.New("options must be 100ms to 1h")
	case c.MTU < 576 || c.MTU > 9000:
		return errors.New("mtu must be 576 to 9000")
	case c.Session != 0 && (c.Session < minSession || c.Session > 24*time.Hour):
		return errors.New("session must be 90s to 24h")
	case c.Register.User != "" && (c.Register.Expires < time.Second || c.Register.Expires > 24*time.Hour):
		return errors.New("register expires must be 1s to 24h")
	}
	switch c.Oversize {
	case Refuse, Fragment, SwitchTCP:
		return nil
	}
	return errors.New("oversize must be refuse, tcp or fragment")
}

func (c Config) checkAuth() error {
	if c.Auth.Username == "" {
		if c.Auth.Password != "" {
			return errors.New("auth: a password needs a username")
		}
		return nil
	}
	return c.Auth.Validate()
}

// AssertCaller in Identity.Asserted puts the shown caller number into P-Asserted-Identity.
const AssertCaller = "caller"

// splitHost reads "host", "host:port", "[v6]:port" or a bare IPv6 address; the port is byDefault where none is given.
func splitHost(s string, byDefault uint16) (host string, port uint16, err error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.String(), byDefault, nil
	}
	if !strings.Contains(s, ":") {
		return s, byDefault, nil
	}
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, fmt.Errorf("split %q: %w", s, err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("split %q: port: %w", s, err)
	}
	return host, uint16(n), nil
}

// validHost tells whether s may stand as host in a SIP URI: an IP address without zone, or the letters of host names.
func validHost(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Zone() == ""
	}
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}

// validUser tells whether s may stand as user in a SIP URI without escapes.
func validUser(s string) bool {
	return len(s) <= 64 && s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.+", r)
	})
}

// validCaller tells whether s is a caller number: digits, perhaps after a plus.
func validCaller(s string) bool {
	d := strings.TrimPrefix(s, "+")
	return len(d) >= 3 && len(d) <= 15 && strings.Trim(d, "0123456789") == ""
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// token tells whether s is a token of RFC 3261 section 25.1.
func token(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-.!%*_+`'~", r)
	})
}

// ours tells whether a header is the protocol's business, and so not one that a trunk's profile may set.
func ours(name string) bool {
	switch strings.ToLower(name) {
	case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards", "route", "record-route",
		"content-length", "l", "content-type", "c", "authorization", "proxy-authorization", "allow", "supported", "k", "require",
		"proxy-require", "session-expires", "x", "min-se", "user-agent", "p-asserted-identity", "privacy", "reason", "rack",
		"expires", "event", "o", "identity", "content-encoding", "e":
		return true
	}
	return false
}
