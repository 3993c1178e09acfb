package sip

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// large is an offer that no datagram of an MTU holds.
var large = append([]byte(answerSDP), strings.Repeat("a=x-filler:0123456789\r\n", 80)...)

func TestInviteLargerThanTheMTU(t *testing.T) {
	for _, tt := range []struct {
		name     string
		oversize Oversize
		tcp      bool // the carrier listens for TCP
		by       string
	}{
		{"goes by TCP", SwitchTCP, true, byTCP},
		{"goes in fragments where the carrier has no TCP", SwitchTCP, false, ""},
		{"goes in fragments", Fragment, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStreamCallee(t)
			if !tt.tcp {
				s.deafen()
			}
			r := newStreamRig(t, s, func(c *Config) { c.Transport, c.Oversize = OverUDP, tt.oversize })
			out := r.invite(t.Context(), Invite{SDP: large})
			inv := r.next("INVITE")
			require.Equal(t, tt.by, inv.from.Zone)
			require.Equal(t, string(large), inv.body)
			network := "UDP"
			if tt.by == byTCP {
				network = "TCP"
			}
			require.Contains(t, inv.get("Via"), "SIP/2.0/"+network+" ", "the Via says by what it came (RFC 3261 section 18.1.1)")
			require.Equal(t, tt.by == byTCP, strings.Contains(inv.get("Contact"), "transport=tcp"))
			r.ok(inv, "leg1")
			res := r.result(out)
			require.Equal(t, Answered, res.End)
			require.Equal(t, s.addr(), res.Target)
			require.Equal(t, tt.by, r.next("ACK").from.Zone)
			require.Equal(t, tt.by, r.hangup(res.Call).from.Zone)

			out = r.invite(t.Context(), Invite{CallID: "small"})
			inv = r.next("INVITE")
			require.Empty(t, inv.from.Zone, "a small one goes by UDP")
			r.reply(inv, 486, "Busy Here", "leg1", "")
			require.Equal(t, Refused, r.result(out).End)
		})
	}
}

func TestInviteLargerThanTheMTUIsAFaultWhereTheTrunkSaysSo(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s, func(c *Config) { c.Transport, c.Oversize = OverUDP, Refuse })
	res := r.result(r.invite(t.Context(), Invite{SDP: large}))
	require.Equal(t, NotSent, res.End)
	require.ErrorIs(t, res.Err, ErrTooLarge)
	require.Equal(t, avanak.ClassFault, res.Class)
	require.Empty(t, s.kinds())
	require.Zero(t, s.accepted())
}

func TestLargestInviteThatFitsIsSentByUDP(t *testing.T) {
	r := newRig(t)
	size := func(n int) Result {
		return r.result(r.invite(t.Context(), Invite{CallID: "fits", SDP: []byte(strings.Repeat("x", n))}))
	}
	res := size(DefaultMTU)
	var over *oversizeError
	require.ErrorAs(t, res.Err, &over)
	fits := DefaultMTU - (over.size - DefaultMTU)
	require.ErrorIs(t, size(fits+1+digitsOf(fits)).Err, ErrTooLarge)
	out := r.invite(t.Context(), Invite{CallID: "fits", SDP: []byte(strings.Repeat("x", fits))})
	inv := r.next("INVITE")
	r.reply(inv, 486, "Busy Here", "leg1", "")
	require.Equal(t, Refused, r.result(out).End)
}

// digitsOf is by how much Content-Length of n may be shorter than that of DefaultMTU.
func digitsOf(n int) int { return len(fmt.Sprint(DefaultMTU)) - len(fmt.Sprint(n)) }

func TestAckAndByeThatTheCarriersRoutesInflateLeave(t *testing.T) {
	var routes []string
	for n := range 20 {
		routes = append(routes, fmt.Sprintf("Record-Route: <sip:proxy%02d.%s.example;lr>", n, strings.Repeat("x", 80)))
	}
	for _, tt := range []struct {
		oversize Oversize
		tcp      bool
		bye      string
	}{{Refuse, true, ""}, {Fragment, true, ""}, {SwitchTCP, true, byTCP}, {SwitchTCP, false, ""}} {
		t.Run(fmt.Sprintf("%s, carrier with TCP %t", tt.oversize, tt.tcp), func(t *testing.T) {
			s := newStreamCallee(t)
			if !tt.tcp {
				s.deafen()
			}
			r := newStreamRig(t, s, func(c *Config) { c.Transport, c.Oversize = OverUDP, tt.oversize })
			out := r.invite(t.Context(), Invite{})
			r.ok(r.next("INVITE"), "leg1", routes...)
			res := r.result(out)
			require.Equal(t, Answered, res.End)
			require.Len(t, r.next("ACK").all("Route"), 20)
			bye := r.hangup(res.Call)
			require.Len(t, bye.all("Route"), 20)
			require.Equal(t, tt.bye, bye.from.Zone)
			if tt.bye == byTCP {
				require.Contains(t, bye.get("Via"), "SIP/2.0/TCP ")
			}
		})
	}
}
