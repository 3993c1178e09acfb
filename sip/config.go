package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/avanak/avanak"
)

// Config is how to signal over one trunk. The zero value of an optional field means its default.
type Config struct {
	Name          string        // of the trunk; a metric label
	Target        string        // the carrier's address: "host:port", or "host" with port 5060
	Bind          string        // local "ip:port"; port 0 lets the kernel choose, an unspecified ip listens on all
	AdvertiseSIP  string        // "host" or "host:port" that the carrier sees where a NAT is between; "" means the bound address
	UserAgent     string        // User-Agent header (RFC 3261 section 20.41)
	Caller        string        // digits shown where the Invite names no caller; a leading + is allowed
	NumberFormat  NumberFormat  // how numbers are written in URIs
	FirstResponse time.Duration // silence after an INVITE that ends the attempt as uncertain
}

// Defaults of Config.
const (
	DefaultBind          = "0.0.0.0:0"
	DefaultUserAgent     = "Avanak"
	DefaultFirstResponse = 6 * time.Second
)

const defaultPort = 5060

// DefaultConfig returns the defaults; Name, Target and Caller have none.
func DefaultConfig() Config {
	return Config{Bind: DefaultBind, UserAgent: DefaultUserAgent, NumberFormat: E164,
		FirstResponse: DefaultFirstResponse}
}

// withDefaults fills the optional fields that are zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Bind == "" {
		c.Bind = d.Bind
	}
	if c.UserAgent == "" {
		c.UserAgent = d.UserAgent
	}
	if c.NumberFormat == "" {
		c.NumberFormat = d.NumberFormat
	}
	if c.FirstResponse == 0 {
		c.FirstResponse = d.FirstResponse
	}
	return c
}

// Validate names the first rule that the configuration breaks; the error wraps avanak.ErrInvalid.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.Name == "" || len(c.Name) > 64 {
		return fmt.Errorf("%w: a SIP trunk needs a name of at most 64 characters", avanak.ErrInvalid)
	}
	fault := func(format string, args ...any) error {
		return fmt.Errorf("%w: trunk %s: %s", avanak.ErrInvalid, c.Name, fmt.Sprintf(format, args...))
	}
	host, port, err := splitHost(c.Target)
	if err != nil || port == 0 || !validHost(host) {
		return fault("target %q must be host:port", c.Target)
	}
	bind, err := netip.ParseAddrPort(c.Bind)
	if err != nil || bind.Addr().Zone() != "" {
		return fault("bind %q must be ip:port", c.Bind)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().Is4() != bind.Addr().Unmap().Is4() {
		return fault("target %q and bind %q must be of one address family", c.Target, c.Bind)
	}
	if c.AdvertiseSIP != "" {
		if host, _, err := splitHost(c.AdvertiseSIP); err != nil || !validHost(host) {
			return fault("advertise_sip %q must be host or host:port", c.AdvertiseSIP)
		}
	}
	if len(c.UserAgent) > 128 || strings.ContainsFunc(c.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fault("user_agent must be at most 128 printable ASCII characters")
	}
	if d := strings.TrimPrefix(c.Caller, "+"); len(d) < 3 || len(d) > 15 || strings.Trim(d, "0123456789") != "" {
		return fault("caller must have 3 to 15 digits")
	}
	if !c.NumberFormat.valid() {
		return fault("number_format must be one of %s", strings.Join(numberFormats(), ", "))
	}
	if c.FirstResponse < 100*time.Millisecond || c.FirstResponse > 30*time.Second {
		return fault("first_response must be 100ms to 30s")
	}
	return nil
}

// splitHost reads "host", "host:port", "[v6]:port" or a bare IPv6 address; the port is 5060 where none is given.
func splitHost(s string) (host string, port uint16, err error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.String(), defaultPort, nil
	}
	if !strings.Contains(s, ":") {
		return s, defaultPort, nil
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
