package sip

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestWhoCallsIsSaidAsTheTrunkWants(t *testing.T) {
	const anonymousFrom = "<sip:anonymous@anonymous.invalid>;tag="
	for name, tt := range map[string]struct {
		identity                Identity
		from, asserted, privacy string // from ends before the tag
		to                      string
	}{
		"nothing beyond From": {Identity{}, "<sip:02191000000@127.0.0.1>;tag=", "", "", "+989120000001@%s"},
		"asserts the caller": {Identity{Asserted: AssertCaller}, "<sip:02191000000@127.0.0.1>;tag=", "<sip:02191000000@127.0.0.1>", "",
			"+989120000001@%s"},
		"asserts a number": {Identity{Asserted: "+982191009999", Domain: "ims.test"}, "<sip:02191000000@ims.test>;tag=",
			"<sip:+982191009999@ims.test>", "", "+989120000001@%s"},
		"withholds the number": {Identity{Asserted: AssertCaller, Anonymous: true}, anonymousFrom, "<sip:02191000000@127.0.0.1>", "id",
			"+989120000001@%s"},
		"says that numbers are numbers": {Identity{Asserted: AssertCaller, PhoneParam: true}, "<sip:02191000000@127.0.0.1;user=phone>;tag=",
			"<sip:02191000000@127.0.0.1;user=phone>", "", "+989120000001@%s;user=phone"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				c.Identity = tt.identity
				c.Headers = []Header{{"X-Campaign-Class", "service; v=1"}, {"P-Charge-Info", "<sip:77@carrier.test>"}}
			})
			inv := r.refuse("call")
			require.True(t, strings.HasPrefix(inv.get("From"), tt.from), inv.get("From"))
			require.Equal(t, tt.asserted, inv.get("P-Asserted-Identity"))
			require.Equal(t, tt.privacy, inv.get("Privacy"))
			require.Equal(t, "INVITE sip:"+fmt.Sprintf(tt.to, r.addr())+" SIP/2.0", inv.start)
			require.Equal(t, "<sip:"+fmt.Sprintf(tt.to, "127.0.0.1")+">", inv.get("To"))
			require.Equal(t, "service; v=1", inv.get("X-Campaign-Class"))
			require.Equal(t, "<sip:77@carrier.test>", inv.get("P-Charge-Info"))
			if tt.identity.Anonymous {
				require.NotContains(t, inv.get("Contact"), "02191000000", "a withheld number is not in the Contact either")
			}
		})
	}
}

func TestCalleeAlwaysSeesTheSameNumberOfThePool(t *testing.T) {
	pool := []string{"02191000001", "02191000002", "02191000003", "02191000004"}
	cfg := Config{Name: "x", Targets: []string{"127.0.0.1"}, Callers: pool}
	agent := func() *Agent {
		a, err := New(cfg, slog.New(slog.DiscardHandler), nil)
		require.NoError(t, err)
		return a
	}
	one, restarted := agent(), agent()
	seen := map[dialable]int{}
	for n := range avanak.Number(1000) {
		inv := Invite{To: 989120000000 + n}
		first, err := one.caller(inv)
		require.NoError(t, err)
		second, err := restarted.caller(inv)
		require.NoError(t, err)
		require.Equal(t, first, second, "after a restart too")
		seen[first]++
	}
	for _, number := range pool {
		require.Greater(t, seen[dialable(number)], 150, "the pool is spread over the callees: %v", seen)
	}
	named, err := one.caller(Invite{To: 989120000001, From: 982191009999})
	require.NoError(t, err)
	require.Equal(t, dialable("+982191009999"), named, "what the call asks for goes first")
}

func TestShownNumberIsWrittenAsTheTrunkWantsToo(t *testing.T) {
	for format, want := range map[NumberFormat]string{E164: "+989120000001", National: "09120000001", International: "00989120000001",
		Digits: "989120000001"} {
		t.Run(string(format), func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.NumberFormat = format })
			out := r.invite(t.Context(), Invite{From: 989120000001})
			inv := r.next("INVITE")
			require.Equal(t, "INVITE sip:"+want+"@"+r.addr()+" SIP/2.0", inv.start)
			require.Contains(t, inv.get("From"), "<sip:"+want+"@")
			require.Contains(t, inv.get("Contact"), "<sip:"+want+"@")
			r.reply(inv, 486, "Busy Here", "leg1", "")
			require.Equal(t, Refused, r.result(out).End)
		})
	}
}

// poison is what must not reach the wire by way of a setting.
var poison = []string{"\r\nX-Evil: 1", "\n", ";evil=1", "@evil.test", "%0d%0a", ">", "<sip:x>", `"`, " ", "\x00", "?Route=x", ",", "\u06f0"}

func TestNoSettingInjects(t *testing.T) {
	good := Config{Name: "x", Targets: []string{"127.0.0.1"}, Callers: []string{"0219100"}}
	for name, set := range map[string]func(c *Config, s string){
		"caller":          func(c *Config, s string) { c.Callers = []string{"0219100" + s} },
		"asserted":        func(c *Config, s string) { c.Identity.Asserted = "+982191" + s },
		"identity domain": func(c *Config, s string) { c.Identity.Domain = "ims.test" + s },
		"target":          func(c *Config, s string) { c.Targets = []string{"sip.test" + s} },
		"advertised":      func(c *Config, s string) { c.AdvertiseSIP = "gw.test" + s },
		"register user":   func(c *Config, s string) { c.Register.User = "user" + s },
		"register domain": func(c *Config, s string) { c.Register.User, c.Register.Domain = "user", "reg.test"+s },
		"header name":     func(c *Config, s string) { c.Headers = []Header{{"X-Good" + s, "v"}} },
	} {
		for _, s := range poison {
			if name == "header name" && strings.HasPrefix(s, "%") {
				continue // a token may have it (RFC 3261 section 25.1)
			}
			c := good
			set(&c, s)
			require.ErrorIs(t, c.Validate(), avanak.ErrInvalid, "%s with %q", name, s)
		}
	}
	for _, s := range []string{"\r\nX-Evil: 1", "\n", "\x00", "\u06f0"} {
		c := good
		c.Headers = []Header{{"X-Good", "v" + s}}
		require.ErrorIs(t, c.Validate(), avanak.ErrInvalid, "header value with %q", s)
		c = good
		c.UserAgent = "Avanak" + s
		require.ErrorIs(t, c.Validate(), avanak.ErrInvalid, "user agent with %q", s)
	}
	for _, name := range []string{"Via", "From", "t", "Contact", "m", "CSeq", "Authorization", "route", "Content-Length", "L", "Privacy",
		"P-Asserted-Identity", "Session-Expires"} {
		c := good
		c.Headers = []Header{{name, "v"}}
		require.ErrorIs(t, c.Validate(), avanak.ErrInvalid, "%s is the protocol's business", name)
	}
}

func TestNumberThatIsNoneIsNotDialled(t *testing.T) {
	r := newRig(t)
	for _, inv := range []Invite{{From: 1}, {From: 99999999999999999}, {To: 9999999999999999999}} {
		res := r.result(r.invite(t.Context(), inv))
		require.Equal(t, NotSent, res.End)
		require.ErrorIs(t, res.Err, avanak.ErrInvalid)
		require.False(t, res.Dead, "no other trunk can dial it")
	}
	require.Empty(t, r.kinds())
}

func FuzzDial(f *testing.F) {
	for _, s := range append([]string{"+989120000001", "0912", "+", "++98912", "112", ""}, poison...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := dial(s)
		if err != nil {
			require.ErrorIs(t, err, avanak.ErrInvalid)
			if len(s) > 5 && !strings.Contains(avanak.ErrInvalid.Error()+": not a number to dial", s) {
				require.NotContains(t, err.Error(), s)
			}
			return
		}
		u := d.uri("carrier.test", 5070, true)
		require.Equal(t, "sip:"+s+"@carrier.test:5070;user=phone", u.String())
		require.Regexp(t, `^\+?[0-9]{3,15}$`, s)
	})
}

func TestResponsesComeBackThroughANATByRport(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AdvertiseSIP = "192.0.2.7:5099" })
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	require.Contains(t, inv.get("Via"), "SIP/2.0/UDP 192.0.2.7:5099;")
	require.Contains(t, inv.get("Via")+";", ";rport;")
	require.Contains(t, inv.get("From"), "@192.0.2.7>")
	require.Equal(t, "<sip:02191000000@192.0.2.7:5099>", inv.get("Contact"))
	via := strings.Replace(inv.get("Via"), ";rport", fmt.Sprintf(";rport=%d;received=127.0.0.1", inv.from.Port), 1)
	inv.headers = append([][2]string{{"via", via}}, removeHeader(inv.headers, "via")...)
	r.ok(inv, "leg1") // to where it came from (RFC 3581 section 4)
	res := r.result(out)
	require.Equal(t, Answered, res.End)
	require.Contains(t, r.next("ACK").get("Via"), "192.0.2.7:5099")
	r.request(inv, "BYE", "leg1", 1, "")
	r.next("200 BYE")
	r.ended(res.Call)
}

func TestPacketsLeaveFromTheInterfaceThatIsConfigured(t *testing.T) {
	for _, over := range []Transport{OverUDP, OverTCP} {
		t.Run(string(over), func(t *testing.T) {
			s := newStreamCallee(t)
			r := newStreamRig(t, s, func(c *Config) { c.Transport, c.Bind = over, "127.0.0.2:0" })
			c, inv := r.answer()
			require.Equal(t, "127.0.0.2", inv.from.IP.String())
			require.Contains(t, inv.get("Via"), " 127.0.0.2:")
			require.Contains(t, inv.get("Contact"), "@127.0.0.2:")
			require.Equal(t, "127.0.0.2", r.hangup(c).from.IP.String())
		})
	}
}

// The last door before the wire: whatever the layers above let through, an emergency or foreign number is not called.
func TestNumberThatMustNotRingIsNotDialled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, n := range []avanak.Number{110, 115, 98110, 14155550100, 98912000} {
		res := r.result(r.invite(t.Context(), Invite{CallID: fmt.Sprintf("never-%d", i), To: n}))
		require.Equal(t, NotSent, res.End)
		require.False(t, res.Dead, "no other way is to be tried")
		require.Equal(t, avanak.ClassUs, res.Class)
	}
	require.Empty(t, r.kinds())
}
