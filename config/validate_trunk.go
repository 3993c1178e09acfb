package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"regexp"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/sip"
)

// trunkName keeps names fit for metric labels, log lines and the name of an environment variable.
var trunkName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (t Trunk) validate(at string) error {
	switch {
	case t.Name == "":
		return broken(at+".name", "a trunk needs a name")
	case t.Name == "sandbox":
		return broken(at+".name", "sandbox is the name of the built-in trunk")
	case !trunkName.MatchString(t.Name):
		return broken(at+".name", "must be 1 to 64 letters, digits, '-', '_' or '.'")
	case !(t.CPS >= 0.1 && t.CPS <= 10000): // also refuses NaN
		return broken(at+".cps", "must be 0.1 to 10000")
	case t.Channels < 1 || t.Channels > 100000:
		return broken(at+".channels", "must be 1 to 100000")
	case len(t.Callers) == 0:
		return broken(at+".callers", "name at least one caller number that the carrier granted")
	}
	for i, caller := range t.Callers {
		if _, err := avanak.ParseNumber(caller); err != nil {
			return fault{fmt.Sprintf("%s.callers[%d]", at, i), err}
		}
	}
	for _, check := range []func(string) error{t.validateSettings, t.validateTogether, t.validateAuth, t.validateMedia} {
		if err := check(at); err != nil {
			return err
		}
	}
	if err := t.SIPConfig().Validate(); err != nil {
		return fault{at, err}
	}
	return nil
}

// setting is one key of a trunk, and how sip is asked about it.
type setting struct {
	key, must string // must is our text: sip's quote values, and values may be secrets
	lend      func(*sip.Config)
}

// validateSettings finds the key that breaks a rule of sip: each setting is lent to a configuration that is right but for
// it. So the rules stand in sip, and the line of the mistake is known here.
func (t Trunk) validateSettings(at string) error {
	for _, s := range t.settings() {
		probe := sip.Config{Name: "probe", Targets: []string{"probe"}, Callers: []string{"100"}}
		s.lend(&probe)
		if probe.Validate() != nil {
			return broken(at+"."+s.key, "%s", s.must)
		}
	}
	for i, text := range t.Sources {
		if _, err := source(text); err != nil {
			return fault{fmt.Sprintf("%s.sources[%d]", at, i), err}
		}
	}
	return nil
}

func (t Trunk) settings() []setting {
	s := t.SIPConfig()
	list := []setting{
		{"transport", "must be udp, tcp or tls", func(c *sip.Config) { c.Transport = s.Transport }},
		{"tls.server_name", "must be a host name", func(c *sip.Config) { c.Transport, c.TLS.ServerName = sip.OverTLS, s.TLS.ServerName }},
		{"bind", "must be ip:port", func(c *sip.Config) { c.Bind = s.Bind }},
		{"advertise_sip", "must be host or host:port", func(c *sip.Config) { c.AdvertiseSIP = s.AdvertiseSIP }},
		{"number_format", "must be e164, national, international or digits", func(c *sip.Config) { c.NumberFormat = s.NumberFormat }},
		{"user_agent", "must be at most 128 printable ASCII characters", func(c *sip.Config) { c.UserAgent = s.UserAgent }},
		{"identity.asserted", "must be caller, or a number of 3 to 15 digits", func(c *sip.Config) { c.Identity.Asserted = s.Identity.Asserted }},
		{"identity.domain", "must be a host name", func(c *sip.Config) { c.Identity.Domain = s.Identity.Domain }},
		{"register.user", "must be letters, digits and -_.+", func(c *sip.Config) { c.Register.User = s.Register.User }},
		{"register.domain", "must be a host name", func(c *sip.Config) { c.Register.Domain = s.Register.Domain }},
		{"register.expires", "must be 1s to 24h", func(c *sip.Config) { c.Register = sip.Register{User: "probe", Expires: s.Register.Expires} }},
		{"options", "must be off, or 100ms to 1h", func(c *sip.Config) { c.Options = s.Options }},
		{"mtu", "must be 576 to 9000", func(c *sip.Config) { c.MTU = s.MTU }},
		{"oversize", "must be refuse, tcp or fragment", func(c *sip.Config) { c.Oversize = s.Oversize }},
		{"session", "must be off, or 90s to 24h", func(c *sip.Config) { c.Session = s.Session }},
		{"first_response", "must be 100ms to 30s", func(c *sip.Config) { c.FirstResponse = s.FirstResponse }},
	}
	add := func(must string, lend func(*sip.Config), key string, args ...any) {
		list = append(list, setting{fmt.Sprintf(key, args...), must, lend})
	}
	for i, target := range t.Targets {
		add("must be host or host:port, of the address family of bind",
			func(c *sip.Config) { c.Bind, c.Targets = s.Bind, []string{target} }, "targets[%d]", i)
	}
	add("name 1 to 16 addresses of the carrier", func(c *sip.Config) { c.Bind, c.Targets = s.Bind, t.Targets }, "targets")
	for i, caller := range t.Callers {
		add("must be written as 3 to 15 digits, perhaps after a +", func(c *sip.Config) { c.Callers = []string{caller} }, "callers[%d]", i)
	}
	add("name 1 to 1000 numbers", func(c *sip.Config) { c.Callers = t.Callers }, "callers")
	for i, h := range s.Headers {
		add("must be a header that the gateway does not write itself",
			func(c *sip.Config) { c.Headers = []sip.Header{{Name: h.Name}} }, "headers[%d].name", i)
		add("must be at most 256 printable ASCII characters",
			func(c *sip.Config) { c.Headers = []sip.Header{{Name: "X-Probe", Value: h.Value}} }, "headers[%d].value", i)
	}
	add("must be at most 16 headers", func(c *sip.Config) { c.Headers = s.Headers }, "headers")
	return list
}

// validateTogether checks what keys ask of each other.
func (t Trunk) validateTogether(at string) error {
	switch {
	case t.TLS != (TLS{}) && t.Transport != string(sip.OverTLS):
		return broken(at+".tls", "needs transport: tls")
	case t.TLS.CertFile != "" && t.TLS.KeyFile == "":
		return broken(at+".tls.cert_file", "needs its key_file")
	case t.TLS.KeyFile != "" && t.TLS.CertFile == "":
		return broken(at+".tls.key_file", "needs its cert_file")
	case t.Register != (Register{}) && t.Register.User == "":
		return broken(at+".register", "needs user")
	}
	return nil
}

func (t Trunk) validateAuth(at string) error {
	switch t.Auth.Weakest {
	case "", "md5", "sha-256", "sha-512-256":
	default:
		return broken(at+".auth.weakest", "must be md5, sha-256 or sha-512-256")
	}
	switch {
	case t.Auth == (Auth{}):
		return nil
	case t.Auth.Username == "" && t.Auth.Password != "" && t.Auth.PasswordFile == "": // from the environment
		return broken(at+".auth.password", "trunk %s has a password but no auth.username", t.Name)
	case t.Auth.Username == "":
		return broken(at+".auth", "needs username")
	case t.Auth.Password == "":
		return broken(at+".auth", "needs password_file, or the password in the environment: %s", passwordVariable(t.Name))
	}
	if err := t.SIPConfig().Auth.Validate(); err != nil {
		if !errors.Is(err, avanak.ErrInvalid) {
			err = fmt.Errorf("%w: %w", avanak.ErrInvalid, err)
		}
		return fault{at + ".auth", err}
	}
	return nil
}

func (t Trunk) validateMedia(at string) error {
	switch t.MediaMode {
	case "", mediaSDP, mediaSymmetricOnce:
	default:
		return broken(at+".media_mode", "must be sdp or symmetric_once")
	}
	if _, err := netip.ParseAddr(t.RTP.Bind); t.RTP.Bind != "" && err != nil {
		return broken(at+".rtp.bind", "must be an IP address")
	}
	if t.AdvertiseMedia != "" {
		if ip, err := netip.ParseAddr(t.AdvertiseMedia); err != nil || ip.IsUnspecified() {
			return broken(at+".advertise_media", "must be the IP address that the carrier sends media to")
		}
	} else if ip, err := netip.ParseAddr(t.RTP.Bind); err != nil || ip.IsUnspecified() {
		return broken(at+".advertise_media", "say which IP address the carrier reaches, or bind rtp to one")
	}
	r, err := t.PortRange()
	if err != nil {
		return fault{at + ".rtp", err}
	}
	first := (int(r.Min) + 1) &^ 1 // RTP takes even ports, each with the odd one above it
	// A port rests after its call while the channel is free at once.
	resting := min(t.Channels, int(math.Ceil(t.CPS*media.Quarantine.Seconds())))
	if pairs := (int(r.Max) + 1 - first) / 2; r.Max != 0 && pairs < t.Channels+resting {
		return broken(at+".rtp", "%d port pairs do not carry %d channels and the %d ports that rest after their calls", pairs,
			t.Channels, resting)
	}
	return nil
}

// overlap tells whether two trunks, each valid by itself, would fight for RTP ports.
func overlap(a, b Trunk) bool {
	hostA, wildA := bound(a.RTP.Bind)
	hostB, wildB := bound(b.RTP.Bind)
	return (wildA || wildB || hostA == hostB) && a.RTP.Max != 0 && b.RTP.Max != 0 &&
		a.RTP.Min <= b.RTP.Max && b.RTP.Min <= a.RTP.Max
}

// bound reads the address of a bind; wild tells that it takes every address of the host.
func bound(bind string) (ip netip.Addr, wild bool) {
	ip, err := netip.ParseAddr(bind)
	return ip.Unmap(), err != nil || ip.Unmap().IsUnspecified()
}

// sameSocket tells whether two trunks, each valid by itself, would bind one port. TCP and TLS share theirs.
func sameSocket(a, b Trunk) bool {
	x, streamX := a.socket()
	y, streamY := b.socket()
	ipX, ipY := x.Addr().Unmap(), y.Addr().Unmap()
	return streamX == streamY && x.Port() == y.Port() && x.Port() != 0 && ipX.Is4() == ipY.Is4() &&
		(ipX == ipY || ipX.IsUnspecified() || ipY.IsUnspecified())
}

// socket is where SIP is bound, and whether as a stream.
func (t Trunk) socket() (addr netip.AddrPort, stream bool) {
	addr, _ = netip.ParseAddrPort(cmp.Or(t.Bind, sip.DefaultBind)) //nolint:errcheck // validate has seen it
	return addr, t.Transport != "" && t.Transport != string(sip.OverUDP)
}
