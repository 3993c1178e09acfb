package sip

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

func TestFlawOfARequest(t *testing.T) {
	const sound = "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
		"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	of := func(change ...string) string { return strings.NewReplacer(change...).Replace(sound) }
	tests := []struct {
		name, text string
		status     int
		extra      string
	}{
		{"sound", sound, 0, ""},
		{"version", of(" SIP/2.0\r\nVia", " SIP/3.0\r\nVia"), 505, ""},
		{"version in small letters", of(" SIP/2.0\r\nVia", " sip/2.0\r\nVia"), 0, ""},
		{"CSeq of another method", of("1 OPTIONS", "1 INVITE"), 400, ""},
		{"no From tag", of(";tag=1", ""), 400, ""},
		{"long Call-ID", of("Call-ID: one", "Call-ID: "+strings.Repeat("x", maxCallID+1)), 400, ""},
		{"no Via", of("Via:", "X-Via:"), 400, ""},
		{"no From", of("From:", "X-From:"), 400, ""},
		{"no To", of("To:", "X-To:"), 400, ""},
		{"no Call-ID", of("Call-ID:", "X-Call-ID:"), 400, ""},
		{"no CSeq", of("CSeq:", "X-CSeq:"), 400, ""},
		{"no more hops", of("OPTIONS", "INFO", "Max-Forwards: 70", "Max-Forwards: 0"), 483, ""},
		{"no more hops for OPTIONS, which are for us", of("Max-Forwards: 70", "Max-Forwards: 0"), 0, ""},
		{"no Max-Forwards", of("Max-Forwards: 70\r\n", ""), 0, ""}, // RFC 2543 did not know it
		{"scheme", of("sip:x@127.0.0.1", "mailto:x@127.0.0.1"), 416, ""},
		{"unknown extension", of("Call-ID", "Require: timer, fooz\r\nRequire: 100rel,barz\r\nCall-ID"), 420, "fooz, barz"},
		{"extension that would inject", of("Call-ID", "Require: a b\r\nCall-ID"), 420, "unreadable"},
		{"known extensions", of("Call-ID", "Require: timer, 100rel\r\nCall-ID"), 0, ""},
		{"unknown extension in an ACK", of("OPTIONS", "ACK", "Call-ID", "Require: fooz\r\nCall-ID"), 0, ""},
		{"unknown extension in a CANCEL", of("OPTIONS", "CANCEL", "Call-ID", "Require: fooz\r\nCall-ID"), 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := sip.ParseMessage([]byte(tt.text))
			require.NoError(t, err)
			req, ok := m.(*sip.Request)
			require.True(t, ok)
			status, reason, extra := flaw(req)
			require.Equal(t, tt.status, status)
			require.Equal(t, tt.status == 0, reason == "")
			if tt.extra != "" {
				require.Len(t, extra, 1)
				require.Equal(t, "Unsupported: "+tt.extra, extra[0].String())
			}
		})
	}
}

func TestFlawOfAHeaderThatIsThereTwice(t *testing.T) {
	for _, line := range []string{"From: <sip:a@b>;tag=1", "To: <sip:c@d>", "Call-ID: one", "CSeq: 1 INFO", "Max-Forwards: 70", "Content-Length: 0",
		"Content-Type: text/plain"} {
		text := fmt.Sprintf("INFO sip:x@127.0.0.1 SIP/2.0\r\n%s\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
			"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: one\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\nContent-Type: text/plain\r\n\r\n", line)
		m, err := sip.ParseMessage([]byte(text))
		require.NoError(t, err)
		status, _, _ := flaw(m.(*sip.Request))
		require.Equal(t, 400, status, line)
	}
}

func TestCallbackIsRefusedAndCounted(t *testing.T) {
	r := newRig(t)
	for n := range 3 {
		r.request(r.outside(fmt.Sprintf("back-%d", n)), "INVITE", "s", 1, answerSDP)
		res := r.next("480 INVITE")
		r.requestWith(r.outside(fmt.Sprintf("back-%d", n)), res.branch(), "ACK", "s", 1, "")
	}
	require.InDelta(t, 3, r.metric("callbacks_total"), 0)
	require.InDelta(t, 0, r.metric("legs"), 0)
}
