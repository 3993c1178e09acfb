package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/sip"
	"github.com/avanak/avanak/sip/digest"
)

// leanTrunk is a trunk with what must be said and no more.
const leanTrunk = `trunks:
  - name: carrier
    targets: [192.0.2.10]
    rtp: {bind: 127.0.0.1, min: 10000, max: 10199}
    cps: 2.5
    channels: 9
    callers: ["+989120009999", "+989120009998"]
`

// loadTrunk reads a lean trunk with further lines.
func loadTrunk(t *testing.T, lines ...string) (Trunk, error) {
	t.Helper()
	text := leanTrunk
	for _, line := range lines {
		text += "    " + line + "\n"
	}
	path := filepath.Join(t.TempDir(), "avanak.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	c, err := Load(path)
	if err != nil {
		return Trunk{}, err
	}
	return c.Trunks[0], nil
}

func TestEachKeyOfATrunkReachesSIP(t *testing.T) {
	clearEnv(t)
	files := writeFiles(t)
	lean := sip.Config{Name: "carrier", Targets: []string{"192.0.2.10"}, Callers: []string{"+989120009999"}}
	for name, tt := range map[string]struct {
		line string
		set  func(*sip.Config)
	}{
		"nothing":       {"", func(*sip.Config) {}},
		"transport":     {"transport: tcp", func(c *sip.Config) { c.Transport = sip.OverTCP }},
		"bind":          {"bind: 127.0.0.1:5070", func(c *sip.Config) { c.Bind = "127.0.0.1:5070" }},
		"advertise_sip": {"advertise_sip: 198.51.100.7", func(c *sip.Config) { c.AdvertiseSIP = "198.51.100.7" }},
		"caller_pool":   {"caller_pool: true", func(c *sip.Config) { c.Callers = []string{"+989120009999", "+989120009998"} }},
		"no pool":       {"caller_pool: false", func(*sip.Config) {}},
		"number_format": {"number_format: national", func(c *sip.Config) { c.NumberFormat = sip.National }},
		"user_agent":    {"user_agent: Sounder 2", func(c *sip.Config) { c.UserAgent = "Sounder 2" }},
		"asserted":      {"identity: {asserted: caller}", func(c *sip.Config) { c.Identity.Asserted = sip.AssertCaller }},
		"a number":      {`identity: {asserted: "+982100000000"}`, func(c *sip.Config) { c.Identity.Asserted = "+982100000000" }},
		"anonymous":     {"identity: {anonymous: true}", func(c *sip.Config) { c.Identity.Anonymous = true }},
		"phone_param":   {"identity: {phone_param: true}", func(c *sip.Config) { c.Identity.PhoneParam = true }},
		"domain":        {"identity: {domain: sip.example.com}", func(c *sip.Config) { c.Identity.Domain = "sip.example.com" }},
		"headers":       {`headers: [{name: X-Account, value: "4711"}]`, func(c *sip.Config) { c.Headers = []sip.Header{{Name: "X-Account", Value: "4711"}} }},
		"register":      {"register: {user: avanak}", func(c *sip.Config) { c.Register.User = "avanak" }},
		"all of it": {"register: {user: avanak, domain: example.net, expires: 1m}", func(c *sip.Config) {
			c.Register = sip.Register{User: "avanak", Domain: "example.net", Expires: time.Minute}
		}},
		"options":        {"options: 10s", func(c *sip.Config) { c.Options = 10 * time.Second }},
		"no options":     {"options: off", func(c *sip.Config) { c.Options = -1 }},
		"options 0":      {"options: 0s", func(c *sip.Config) { c.Options = -1 }},
		"options empty":  {"options:", func(*sip.Config) {}},
		"session":        {"session: 30m", func(c *sip.Config) { c.Session = 30 * time.Minute }},
		"no session":     {"session: off", func(*sip.Config) {}},
		"session 0":      {"session: 0", func(*sip.Config) {}},
		"mtu":            {"mtu: 1400", func(c *sip.Config) { c.MTU = 1400 }},
		"oversize":       {"oversize: tcp", func(c *sip.Config) { c.Oversize = sip.SwitchTCP }},
		"first_response": {"first_response: 3s", func(c *sip.Config) { c.FirstResponse = 3 * time.Second }},
		"sources": {`sources: [198.51.100.9, 203.0.113.77/24, "::ffff:192.0.2.1", "2001:db8::/32"]`, func(c *sip.Config) {
			c.Sources = []netip.Prefix{netip.MustParsePrefix("198.51.100.9/32"), netip.MustParsePrefix("203.0.113.0/24"),
				netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/32")}
		}},
		"auth": {"auth: {username: avanak, password_file: FILES/secure.password}", func(c *sip.Config) {
			c.Auth = digest.Credentials{Username: "avanak", Password: "hunter2"}
		}},
		"realm": {"auth: {username: avanak, password_file: FILES/secure.password, realm: r, weakest: sha-512-256}", func(c *sip.Config) {
			c.Auth = digest.Credentials{Username: "avanak", Password: "hunter2", Realm: "r", Weakest: "SHA-512-256"}
		}},
		"tls": {"transport: tls\n    tls: {ca_file: FILES/ca.pem, server_name: sip.example.net, cert_file: FILES/our.pem, key_file: FILES/our.key}", func(c *sip.Config) {
			c.Transport = sip.OverTLS
			c.TLS = sip.TLS{CAFile: files + "/ca.pem", ServerName: "sip.example.net", CertFile: files + "/our.pem", KeyFile: files + "/our.key"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			trunk, err := loadTrunk(t, strings.ReplaceAll(tt.line, "FILES", files))
			require.NoError(t, err)
			want := lean
			tt.set(&want)
			require.Equal(t, want, trunk.SIPConfig())
			require.NoError(t, trunk.SIPConfig().Validate())
		})
	}
}

func TestTrunkReachesMediaAndPaceAsWritten(t *testing.T) {
	clearEnv(t)
	trunk, err := loadTrunk(t, "media_mode: symmetric_once")
	require.NoError(t, err)
	require.True(t, trunk.SymmetricOnce())
	r, err := trunk.PortRange()
	require.NoError(t, err)
	require.Equal(t, []any{"127.0.0.1", uint16(10000), uint16(10199)}, []any{r.IP.String(), r.Min, r.Max})
	p := trunk.Pace()
	require.Equal(t, []any{"carrier", 2.5, 9, false}, []any{p.Name, p.CPS, p.Channels, p.Sandbox})
	for _, line := range []string{"", "media_mode: sdp"} {
		trunk, err = loadTrunk(t, line)
		require.NoError(t, err)
		require.False(t, trunk.SymmetricOnce(), "media goes where the SDP says unless the operator wants otherwise")
	}
}

func TestTrunksMayBindWhatIsNotTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b Trunk
		want bool
	}{
		"one port":            {Trunk{Bind: "127.0.0.1:5060"}, Trunk{Bind: "127.0.0.1:5060"}, true},
		"all addresses":       {Trunk{Bind: "127.0.0.1:5060"}, Trunk{Bind: "0.0.0.0:5060"}, true},
		"all of v6":           {Trunk{Bind: "[::]:5060"}, Trunk{Bind: "[::1]:5060"}, true},
		"v4 in v6":            {Trunk{Bind: "[::ffff:127.0.0.1]:5060"}, Trunk{Bind: "127.0.0.1:5060"}, true},
		"tcp and tls":         {Trunk{Bind: "127.0.0.1:5060", Transport: "tcp"}, Trunk{Bind: "127.0.0.1:5060", Transport: "tls"}, true},
		"udp said and unsaid": {Trunk{Bind: "127.0.0.1:5060", Transport: "udp"}, Trunk{Bind: "127.0.0.1:5060"}, true},
		"udp and tcp":         {Trunk{Bind: "127.0.0.1:5060"}, Trunk{Bind: "127.0.0.1:5060", Transport: "tcp"}, false},
		"two families":        {Trunk{Bind: "0.0.0.0:5060"}, Trunk{Bind: "[::]:5060"}, false},
		"two addresses":       {Trunk{Bind: "127.0.0.1:5060"}, Trunk{Bind: "127.0.0.2:5060"}, false},
		"two ports":           {Trunk{Bind: "127.0.0.1:5060"}, Trunk{Bind: "127.0.0.1:5061"}, false},
		"the kernel's choice": {Trunk{Bind: "127.0.0.1:0"}, Trunk{Bind: "127.0.0.1:0"}, false},
		"the default":         {Trunk{}, Trunk{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, sameSocket(tt.a, tt.b))
			require.Equal(t, tt.want, sameSocket(tt.b, tt.a))
		})
	}
}

func TestTrunkIsDescribedInOneLineWithoutSecrets(t *testing.T) {
	for want, trunk := range map[string]Trunk{
		"a to 192.0.2.10 by udp (2.5 calls/s, 9 channels)": {Name: "a", Targets: []string{"192.0.2.10"}, CPS: 2.5, Channels: 9},
		"b to sip.example.net, 192.0.2.10 by tls (1 calls/s, 2 channels, with password, registers)": {Name: "b", CPS: 1, Channels: 2,
			Targets: []string{"sip.example.net", "192.0.2.10"}, Transport: "tls", Register: Register{User: "u"},
			Auth: Auth{Username: "u", Password: "hunter2"}},
	} {
		require.Equal(t, want, trunk.String())
	}
}
