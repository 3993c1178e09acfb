package sip

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestPanicInAHandlerEndsItsRequestOnly(t *testing.T) {
	r := newRig(t)
	c, _ := r.answer()
	handlers := map[string]handler{"BYE": r.agent.onBye, "INVITE": r.agent.onInvite, "UPDATE": r.agent.onUpdate, "OPTIONS": r.agent.onOptions}
	n := 0.0
	for name, h := range handlers {
		r.agent.wrap(h)(new(sip.Request), nil) // no header, and nobody to answer to
		n++
		require.InDelta(t, n, r.metric("panics_total"), 0, name)
	}
	r.agent.stray(new(sip.Response))
	r.agent.stray(&sip.Response{StatusCode: 200})
	require.False(t, c.over())
	require.NotContains(t, r.logged(), "nil pointer", "what a panic says may hold a number")
	r.hangup(c)
}

// The second INVITE of a leg passes the gate in the leg's own goroutine.
func TestPanicAtTheGateOfASecondInviteEndsItsCallOnly(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Auth.Username, c.Auth.Password = "trunk", "secret" })
	c, _ := r.answer()
	asked := 0
	out := r.invite(t.Context(), Invite{CallID: "bad", BeforeSend: func(context.Context) error {
		if asked++; asked == 2 {
			panic("fault of +989120000001")
		}
		return nil
	}})
	r.reply(r.next("INVITE"), 401, "Unauthorized", "leg2", "", `WWW-Authenticate: Digest realm="127.0.0.1",nonce="x",algorithm=MD5,qop="auth"`)
	res := r.result(out)
	require.Equal(t, Broken, res.End, "%v", res.Err)
	require.Equal(t, avanak.ClassUs, res.Class)
	require.InDelta(t, 1, r.metric("panics_total"), 0)
	require.Eventually(t, func() bool { return r.agent.leg("bad") == nil }, patience, time.Millisecond)
	r.next("ACK") // of the 401
	r.hangup(c)
}

// What a far end names itself by is no number of ours to keep secret, but what it says back of ours is.
func TestNoLogLineHoldsWhatTheFarEndSays(t *testing.T) {
	const number, secret = "+989120001234", "hunter2-hunter2"
	r := newRig(t, func(c *Config) { c.Auth.Username, c.Auth.Password, c.Auth.Realm = "trunk", secret, "127.0.0.1" })
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	to := r.outside("x").from
	for _, text := range []string{
		"INVITE sip:" + number + " SIP/2.0\r\nVia: nothing\r\n\r\n",
		"nonsense " + number + "\r\n\r\n",
		"SIP/2.0 200 " + number + "\r\nTo: <sip:" + number + "@x>\r\n\r\n",
		"BYE sip:" + number + "@x SIP/9.0\r\nVia: SIP/2.0/UDP " + number + ";branch=z9hG4bK1\r\nCSeq: 1 BYE\r\nFrom: <sip:" + number + "@x>;tag=1\r\nTo: <sip:" +
			number + "@x>\r\nCall-ID: " + number + "\r\n\r\n",
	} {
		r.write(to, text)
	}
	r.reply(inv, 407, number, "leg1", "", `Proxy-Authenticate: Digest realm="`+number+`",nonce="`+number+`"`, "Reason: Q.850;cause=21;text=\""+number+"\"")
	res := r.result(out)
	require.Equal(t, Refused, res.End)
	r.next("ACK")
	require.Positive(t, r.metric("library_warnings_total"))
	for _, what := range []string{res.Reason, r.logged(), errorText(res.Err)} {
		require.NotContains(t, what, strings.TrimPrefix(number, "+98"))
		require.NotContains(t, what, secret)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
