package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/sip"
	"github.com/avanak/avanak/sip/digest"
)

// Trunk is one carrier route. What is left out has sip's and media's defaults.
type Trunk struct {
	Name           string        `yaml:"name"`
	Targets        []string      `yaml:"targets"`         // the carrier's addresses in order of preference: host or host:port
	Transport      string        `yaml:"transport"`       // udp (default), tcp or tls
	TLS            TLS           `yaml:"tls"`             // for transport: tls
	Bind           string        `yaml:"bind"`            // local "ip:port" for SIP
	AdvertiseSIP   string        `yaml:"advertise_sip"`   // what the carrier sees, where a NAT is between
	AdvertiseMedia string        `yaml:"advertise_media"` // IP address in the SDP; default: the bound one
	MediaMode      string        `yaml:"media_mode"`      // sdp (default) or symmetric_once
	RTP            RTP           `yaml:"rtp"`
	CPS            float64       `yaml:"cps"`
	Channels       int           `yaml:"channels"`
	Callers        []string      `yaml:"callers"`       // caller numbers that the carrier granted
	CallerPool     bool          `yaml:"caller_pool"`   // where a campaign names none, show all, each callee the same; default: the first only
	NumberFormat   string        `yaml:"number_format"` // e164, national, international or digits
	UserAgent      string        `yaml:"user_agent"`
	Identity       Identity      `yaml:"identity"`
	Headers        []Header      `yaml:"headers"` // put on every INVITE
	Auth           Auth          `yaml:"auth"`
	Register       Register      `yaml:"register"`
	Options        Period        `yaml:"options"` // between keep-alives; default 30s
	Sources        []string      `yaml:"sources"` // IP addresses and networks of the carrier's own requests, beside the targets
	MTU            int           `yaml:"mtu"`
	Oversize       string        `yaml:"oversize"` // refuse, tcp or fragment
	Session        Period        `yaml:"session"`  // session timer (RFC 4028); default off
	FirstResponse  time.Duration `yaml:"first_response"`
}

// RTP is where a trunk's media leaves from.
type RTP struct {
	Bind string `yaml:"bind"` // local IP address
	Min  uint16 `yaml:"min"`  // first port
	Max  uint16 `yaml:"max"`  // last port
}

// TLS names the PEM files of a TLS trunk. The carrier's certificate is verified always.
type TLS struct {
	CAFile     string `yaml:"ca_file"`     // authorities to trust; default: those of the system
	ServerName string `yaml:"server_name"` // name in the carrier's certificate; default: the target's
	CertFile   string `yaml:"cert_file"`   // our certificate, where the carrier wants one
	KeyFile    string `yaml:"key_file"`    // its key
}

// Identity says who calls, beyond the number in From.
type Identity struct {
	Asserted   string `yaml:"asserted"`    // P-Asserted-Identity: "caller" for the shown number, or a number
	Anonymous  bool   `yaml:"anonymous"`   // withhold the number
	PhoneParam bool   `yaml:"phone_param"` // user=phone in URIs of numbers
	Domain     string `yaml:"domain"`      // host in From and P-Asserted-Identity; default: ours
}

// Header is one further header of INVITEs.
type Header struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
}

// Auth is what a trunk knows us by. Load fetches the password; the file of the configuration never holds it.
type Auth struct {
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	Realm        string `yaml:"realm"`   // the only realm that gets an answer; default: the first that asks
	Weakest      string `yaml:"weakest"` // md5 (default), sha-256 or sha-512-256
	Password     Secret `yaml:"-"`
}

// Register is how we tell the carrier where we are.
type Register struct {
	User    string        `yaml:"user"` // none: no registration
	Domain  string        `yaml:"domain"`
	Expires time.Duration `yaml:"expires"`
}

// The media modes.
const (
	mediaSDP           = "sdp"
	mediaSymmetricOnce = "symmetric_once"
)

// Pace returns the trunk as the dispatcher sees it.
func (t Trunk) Pace() avanak.Trunk {
	return avanak.Trunk{Name: t.Name, CPS: t.CPS, Channels: t.Channels}
}

// SIPConfig returns the trunk as sip sees it. What was left out stays zero, which sip takes for its defaults.
func (t Trunk) SIPConfig() sip.Config {
	s := sip.Config{
		Name: t.Name, Targets: t.Targets, Transport: sip.Transport(t.Transport), Bind: t.Bind, AdvertiseSIP: t.AdvertiseSIP,
		UserAgent: t.UserAgent, Callers: t.Callers, NumberFormat: sip.NumberFormat(t.NumberFormat), FirstResponse: t.FirstResponse,
		Auth: digest.Credentials{Username: t.Auth.Username, Password: string(t.Auth.Password), Realm: t.Auth.Realm,
			Weakest: digest.Algorithm(strings.ToUpper(t.Auth.Weakest))},
		TLS:      sip.TLS{CAFile: t.TLS.CAFile, ServerName: t.TLS.ServerName, CertFile: t.TLS.CertFile, KeyFile: t.TLS.KeyFile},
		Register: sip.Register{User: t.Register.User, Domain: t.Register.Domain, Expires: t.Register.Expires},
		Identity: sip.Identity{Asserted: t.Identity.Asserted, Anonymous: t.Identity.Anonymous,
			PhoneParam: t.Identity.PhoneParam, Domain: t.Identity.Domain},
		Options: time.Duration(t.Options), // Off is negative, as sip wants it
		MTU:     t.MTU, Oversize: sip.Oversize(t.Oversize), Session: max(0, time.Duration(t.Session)),
	}
	if !t.CallerPool && len(s.Callers) > 1 {
		s.Callers = s.Callers[:1]
	}
	for _, h := range t.Headers {
		s.Headers = append(s.Headers, sip.Header{Name: h.Name, Value: h.Value})
	}
	for _, text := range t.Sources {
		if p, err := source(text); err == nil { // Validate has seen them
			s.Sources = append(s.Sources, p)
		}
	}
	return s
}

// source reads an IP address or a network.
func source(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Bits() == 0 || p.Addr().Is4In6() { // no packet has an address of the last kind
		return netip.Prefix{}, fmt.Errorf("%w: must be an IP address or a network such as 192.0.2.0/24, and not everybody's",
			avanak.ErrInvalid)
	}
	return p.Masked(), nil
}

// SymmetricOnce tells whether media may be sent, once after the answer, to where the callee's media comes from.
func (t Trunk) SymmetricOnce() bool { return t.MediaMode == mediaSymmetricOnce }

// PortRange returns where the trunk's media leaves from.
func (t Trunk) PortRange() (media.PortRange, error) {
	r := media.PortRange{Min: t.RTP.Min, Max: t.RTP.Max}
	if t.RTP.Bind != "" {
		ip, err := netip.ParseAddr(t.RTP.Bind)
		if err != nil {
			return r, fmt.Errorf("%w: rtp.bind must be an IP address", avanak.ErrInvalid)
		}
		r.IP = ip
	}
	return r, r.Validate()
}

// String describes the trunk in one line for its operator, without what is secret.
func (t Trunk) String() string {
	transport := t.Transport
	if transport == "" {
		transport = string(sip.OverUDP)
	}
	line := fmt.Sprintf("%s to %s by %s (%g calls/s, %d channels", t.Name, strings.Join(t.Targets, ", "), transport, t.CPS,
		t.Channels)
	if t.Auth.Username != "" {
		line += ", with password"
	}
	if t.Register.User != "" {
		line += ", registers"
	}
	return line + ")"
}
