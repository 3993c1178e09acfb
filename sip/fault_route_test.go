package sip

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// T14: ACK and BYE go through the proxies that the answer names, however many bytes they are.
func TestAckAndByeMissTheProxy(t *testing.T) {
	for name, tt := range map[string]struct {
		param  string // of the proxy that comes first
		behind int    // further proxies
	}{"loose": {";lr", 0}, "strict": {"", 0}, "loose, and a crowd": {";lr", 11}, "strict, and a crowd": {"", 11}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, proxy := newRig(t), newCallee(t)
			var records, route []string
			for n := range tt.behind {
				entry := fmt.Sprintf("<sip:p%02d.%s.invalid;lr;ftag=%s>", n, strings.Repeat("x", 60), strings.Repeat("y", 40))
				records, route = append(records, "Record-Route: "+entry), append([]string{entry}, route...)
			}
			first := "sip:" + proxy.addr() + tt.param
			out := r.invite(t.Context(), Invite{})
			r.ok(r.next("INVITE"), "leg1", append(records, "Record-Route: <"+first+">")...)
			c := r.result(out).Call
			target := "sip:callee@" + r.addr()
			if tt.param == "" { // its own URI is the Request-URI, the target comes last (RFC 3261 section 12.2.1.1)
				route, target = append(route, "<"+target+">"), first
			} else {
				route = append([]string{"<" + first + ">"}, route...)
			}
			check := func(m message) {
				require.Equal(t, m.kind()+" "+target+" SIP/2.0", m.start)
				require.Equal(t, route, m.all("Route"))
			}
			check(proxy.next("ACK"))
			done := make(chan error, 1)
			go func() { done <- c.Hangup(t.Context(), CauseNormal) }()
			bye := proxy.next("BYE")
			check(bye)
			require.Equal(t, tt.behind > 0, len(strings.Join(bye.all("Route"), "")) > DefaultMTU)
			proxy.reply(bye, 200, "OK", "", "")
			require.NoError(t, <-done)
			require.Equal(t, []string{"INVITE"}, r.kinds())
		})
	}
}
