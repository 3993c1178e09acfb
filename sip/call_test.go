package sip

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// T7, sipgo fault 4: it acknowledged the first branch again, and the second never.
func TestSecondBranchOfAForkIsAcknowledgedAndEnded(t *testing.T) {
	r := newRig(t)
	c, inv := r.answer()
	r.ok(inv, "leg2")
	ack, bye := r.next("ACK"), r.next("BYE")
	require.Contains(t, ack.get("To"), "tag=leg2")
	require.Contains(t, bye.get("To"), "tag=leg2")
	r.reply(bye, 200, "OK", "", "")
	require.InDelta(t, 1, r.metric("forked_2xx_total"), 0)
	require.InDelta(t, 0, r.metric("late_2xx_total"), 0)
	require.False(t, c.over(), "the first branch lives")
	bye = r.hangup(c)
	require.Contains(t, bye.get("To"), "tag=leg1")
}

// T8: our ACK was lost.
func TestRetransmittedAnswerIsAcknowledgedAgain(t *testing.T) {
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	r.ok(inv, "leg1")
	res := r.result(out)
	require.Equal(t, Answered, res.End)
	ack := r.next("ACK")
	for n := range 3 {
		r.ok(inv, "leg1")
		r.copies(ack, n+2)
	}
	require.InDelta(t, 3, r.metric("ack_replays_total"), 0)
	// sipgo's transaction ends 64*T1 after the answer; what comes later is unmatched there, but not here.
	r.agent.ua.TransactionLayer().Close()
	r.ok(inv, "leg1")
	r.copies(ack, 5)
	r.hangup(res.Call)
}

// T10: the far end hangs up.
func TestCalleeHangsUp(t *testing.T) {
	r := newRig(t)
	c, inv := r.answer()
	r.request(inv, "BYE", "leg1", 1, "", `Reason: Q.850;cause=31;text="Normal, unspecified"`)
	r.ended(c)
	r.next("200 BYE")
	require.Equal(t, avanak.Callee, c.EndedBy())
	require.Equal(t, 31, c.Cause())
	require.False(t, c.Ended().IsZero())
	require.NoError(t, c.Hangup(t.Context(), CauseNormal))
	require.Equal(t, []string{"INVITE", "ACK", "200 BYE"}, r.kinds(), "no BYE of ours for a call that has ended")
	r.request(inv, "BYE", "leg1", 2, "")
	r.next("481 BYE")
}

// T10, T13: a BYE before our ACK, or before its own 200 was read.
func TestByeOnTheHeelsOfTheAnswerIsHeeded(t *testing.T) {
	r := newRig(t)
	for n := range 20 {
		out := r.invite(t.Context(), Invite{CallID: fmt.Sprintf("c-%d", n)})
		inv := r.next("INVITE")
		r.ok(inv, "leg1")
		r.request(inv, "BYE", "leg1", 1, "")
		res := r.result(out)
		require.Equal(t, Answered, res.End)
		r.ended(res.Call)
		require.Equal(t, avanak.Callee, res.Call.EndedBy())
		got := map[string]bool{}
		for range 2 {
			m := r.either("ACK and 200")
			got[m.kind()] = true
		}
		require.Equal(t, map[string]bool{"ACK": true, "200 BYE": true}, got)
	}
}

// T9, sipgo fault 7: for it, all but a 200 was a failed BYE.
func TestAnyEndOfOurByeEndsTheCall(t *testing.T) {
	for _, status := range []int{200, 202, 408, 481, 500, 0} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			r := newRig(t)
			c, _ := r.answer()
			done := make(chan error, 1)
			go func() { done <- c.Hangup(t.Context(), CauseNormal) }()
			bye := r.next("BYE")
			if status != 0 {
				r.reply(bye, status, "Reason", "", "")
			}
			require.NoError(t, <-done)
			require.Equal(t, avanak.Us, c.EndedBy())
		})
	}
}

// T9: glare of two BYEs.
func TestByesThatCross(t *testing.T) {
	r := newRig(t)
	c, inv := r.answer()
	go func() { _ = c.Hangup(context.Background(), CauseNormal) }()
	bye := r.next("BYE")
	r.request(inv, "BYE", "leg1", 1, "")
	r.next("200 BYE")
	r.ended(c)
	require.Equal(t, avanak.Us, c.EndedBy(), "we were first")
	r.reply(bye, 481, "Gone", "", "")
}

func TestHangupReturnsWithItsContextAndTheByeGoesOn(t *testing.T) {
	r := newRig(t)
	c, _ := r.answer()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, c.Hangup(ctx, CauseNormal), context.Canceled)
	bye := r.next("BYE")
	r.copies(bye, 2)
	r.reply(bye, 200, "OK", "", "")
	r.ended(c)
}

func TestForgedRequestsDoNotTouchTheCall(t *testing.T) {
	r := newRig(t)
	c, inv := r.answer()
	r.request(inv, "BYE", "forged", 1, "")
	r.next("481 BYE")
	other := inv
	other.headers = append([][2]string{{"from", "<sip:02191000000@127.0.0.1>;tag=forged"}}, inv.headers...)
	r.request(other, "BYE", "leg1", 1, "")
	r.next("481 BYE")
	other.headers = append([][2]string{{"call-id", "another"}}, inv.headers...)
	r.request(other, "BYE", "leg1", 1, "")
	r.next("481 BYE")
	require.False(t, c.over())
	r.hangup(c)
}

// T15: what a carrier sends in a call.
func TestInDialogRequestsAreAnswered(t *testing.T) {
	t38 := "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image 4000 udptl t38\r\n"
	moved := strings.Replace(answerSDP, "m=audio 4000", "m=audio 4444", 1)
	tests := []struct {
		method, tag, body, want string
		sdp                     bool
	}{
		{"OPTIONS", "leg1", "", "200 OPTIONS", false},
		{"INFO", "leg1", "", "200 INFO", false},
		{"UPDATE", "leg1", "", "200 UPDATE", false},
		{"UPDATE", "leg1", moved, "200 UPDATE", true},
		{"INVITE", "leg1", "", "200 INVITE", true},
		{"INVITE", "leg1", moved, "200 INVITE", true},
		{"INVITE", "leg1", t38, "488 INVITE", false},
		{"INVITE", "leg1", moved + "m=image 4000 udptl t38\r\n", "488 INVITE", false},
		{"INVITE", "leg1", "v=0\r\nnonsense", "488 INVITE", false},
		{"INVITE", "other", "", "481 INVITE", false},
		{"INFO", "other", "", "481 INFO", false},
		{"UPDATE", "other", "", "481 UPDATE", false},
		{"OPTIONS", "other", "", "481 OPTIONS", false},
		{"NOTIFY", "leg1", "", "405 NOTIFY", false},
		{"CANCEL", "leg1", "", "481 CANCEL", false},
	}
	r := newRig(t)
	c, inv := r.answer()
	for i, tt := range tests {
		t.Run(tt.want+" "+tt.tag, func(t *testing.T) {
			r.request(inv, tt.method, tt.tag, i+1, tt.body)
			res := r.next(tt.want)
			if tt.sdp {
				require.Equal(t, string(Offer(r.agent.Addr().Addr(), 4002, 7)), res.body)
				require.Equal(t, "application/sdp", res.get("Content-Type"))
			} else {
				require.Empty(t, res.body)
			}
			if tt.method == "INVITE" {
				if tt.want == "200 INVITE" { // sent again until acknowledged
					r.copies(res, 3)
					require.NotEmpty(t, res.get("Contact"))
					r.request(inv, "ACK", tt.tag, i+1, "")
				} else {
					r.requestWith(inv, res.branch(), "ACK", tt.tag, i+1, "")
				}
			}
		})
	}
	require.Equal(t, moved, string(c.RemoteSDP()))
	r.request(inv, "UPDATE", "leg1", 1, "") // older than what came before
	r.next("500 UPDATE")
	r.hangup(c)
}

func TestRequestsFromOutsideOfDialogs(t *testing.T) {
	r := newRig(t)
	stranger := message{headers: [][2]string{{"contact", "<sip:x@" + r.agent.Addr().String() + ">"}, {"to", "<sip:a@b>"},
		{"from", "<sip:x@127.0.0.1>"}, {"call-id", "stranger"}},
		from: net.UDPAddrFromAddrPort(r.agent.Addr())}
	r.request(stranger, "OPTIONS", "s", 1, "")
	require.Equal(t, allow, r.next("200 OPTIONS").get("Allow"))
	r.request(stranger, "INVITE", "s", 2, answerSDP)
	res := r.next("480 INVITE")
	r.requestWith(stranger, res.branch(), "ACK", "s", 2, "")
	r.request(stranger, "REGISTER", "s", 3, "")
	r.next("405 REGISTER")
	r.request(stranger, "ACK", "s", 4, "")
	r.request(stranger, "BYE", "s", 5, "")
	r.next("481 BYE")
}

// T14: a route set that makes our ACK and BYE larger than sipgo would send by UDP.
func TestRouteSetIsFrozenAtTheAnswer(t *testing.T) {
	var routes []string
	for n := range 12 {
		routes = append(routes, fmt.Sprintf("Record-Route: <sip:proxy%02d.%s.example;lr;ftag=%s>", n, strings.Repeat("x", 60), strings.Repeat("y", 40)))
	}
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	r.ok(inv, "leg1", routes...)
	res := r.result(out)
	ack := r.next("ACK")
	require.Greater(t, len(strings.Join(ack.all("Route"), "")), 1300, "more than sipgo sends by default")
	require.Len(t, ack.all("Route"), 12)
	require.Contains(t, ack.all("Route")[0], "proxy11.")
	require.Contains(t, ack.all("Route")[11], "proxy00.")
	require.Equal(t, "ACK sip:callee@"+r.addr()+" SIP/2.0", ack.start)
	bye := r.hangup(res.Call)
	require.Equal(t, ack.all("Route"), bye.all("Route"))
}

func TestStrictRouterBecomesTheRequestURI(t *testing.T) {
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	r.ok(inv, "leg1", "Record-Route: <sip:last.example;lr>, <sip:"+r.addr()+";strict>")
	res := r.result(out)
	ack := r.next("ACK")
	require.Equal(t, "ACK sip:"+r.addr()+";strict SIP/2.0", ack.start)
	require.Equal(t, []string{"<sip:last.example;lr>", "<sip:callee@" + r.addr() + ">"}, ack.all("Route"))
	r.hangup(res.Call)
}

func TestContactDecidesWhereInDialogRequestsGo(t *testing.T) {
	other := newCallee(t)
	tests := []struct {
		name, contact string
		moved         bool
	}{
		{"an address", "Contact: <sip:b2b@" + other.addr() + ">", true},
		{"a host name is not looked up", "Contact: <sip:b2b@sbc.invalid:5080>", false},
		{"another transport", "Contact: <sip:b2b@" + other.addr() + ";transport=tcp>", false},
		{"an address that is none", "Contact: <sip:b2b@0.0.0.0:5060>", false},
		{"a telephone number", "Contact: <tel:+989120000001>", false},
		{"none", "X-Contact: none", false},
		{"a list", "Contact: <sip:b2b@" + other.addr() + "?Evil=1>;q=0.5", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			out := r.invite(t.Context(), Invite{})
			r.reply(r.next("INVITE"), 200, "OK", "leg1", answerSDP, tt.contact)
			res := r.result(out)
			require.Equal(t, Answered, res.End)
			there := r.callee
			if tt.moved {
				there = other
			}
			ack := there.next("ACK")
			require.NotContains(t, ack.start, "Evil")
			done := make(chan error, 1)
			go func() { done <- res.Call.Hangup(t.Context(), CauseNormal) }()
			there.reply(there.next("BYE"), 200, "OK", "", "")
			require.NoError(t, <-done)
		})
	}
}

func TestAnswerOfACallFromBeforeARestart(t *testing.T) {
	r := newRig(t)
	c, inv := r.answer()
	r.hangup(c)
	old := inv
	old.headers = append([][2]string{{"call-id", "from-before"}, {"via", strings.Replace(inv.get("Via"), inv.branch(), "z9hG4bKold", 1)}}, inv.headers...)
	old.headers = append(old.headers[:2:2], removeHeader(old.headers[2:], "via")...)
	r.ok(old, "leg9")
	ack, bye := r.next("ACK"), r.next("BYE")
	require.Equal(t, "from-before", ack.get("Call-ID"))
	require.Contains(t, bye.get("To"), "tag=leg9")
	r.ok(old, "leg9")
	r.copies(ack, 2)
	r.reply(bye, 200, "OK", "", "")

	// The same from an address that is not the trunk's, or not for us, moves nothing.
	foreign := old
	foreign.headers = append([][2]string{{"call-id", "foreign"}, {"via", "SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bKx"}},
		removeHeader(old.headers[1:], "via")...)
	r.ok(foreign, "leg9")
	r.request(inv, "OPTIONS", "x", 9, "") // its answer shows that the datagram before was handled or is being handled
	r.next("481 OPTIONS")
	require.Nil(t, r.agent.leg("foreign"))
}

func removeHeader(headers [][2]string, name string) [][2]string {
	var out [][2]string
	for _, h := range headers {
		if h[0] != name {
			out = append(out, h)
		}
	}
	return out
}

func TestGarbageDoesNotDisturbTheCall(t *testing.T) {
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	via, from, to := inv.get("Via"), inv.get("From"), inv.get("To")
	id, seq := inv.get("Call-ID"), inv.get("CSeq")
	head := func(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }
	for _, text := range []string{
		"", "\r\n\r\n", "\x00\x00\x00", "SIP/2.0", "SIP/2.0 200", "SIP/2.0 200 OK\r\n", strings.Repeat("A", 60000),
		head("SIP/2.0 200 OK"),
		head("SIP/2.0 200 OK", "Via: "+via),
		head("SIP/2.0 200 OK", "Via: "+via, "CSeq: "+seq),
		head("SIP/2.0 180 Ringing", "Via: "+via, "CSeq: "+seq, "Call-ID: "+id),
		head("SIP/2.0 180 Ringing", "Via: "+via, "CSeq: "+seq, "Call-ID: other", "From: "+from, "To: "+to),
		head("SIP/2.0 000 Zero", "Via: "+via, "CSeq: "+seq, "Call-ID: "+id, "From: "+from, "To: "+to),
		head("SIP/2.0 180 Ringing", "Via: "+via, "CSeq: 1 BYE", "Call-ID: "+id, "From: "+from, "To: "+to),
		head("SIP/2.0 180 Ringing", "Via: "+via, "CSeq: "+seq, "Call-ID: "+id, "From: "+from, "To: "+to, "Content-Length: -1"),
		head("SIP/2.0 180 Ringing", "Via: "+via, "CSeq: "+seq, "Call-ID: "+id, "From: "+from, "To: "+to, "Content-Length: 4294967295"),
		head("SIP/2.0 180 "+strings.Repeat("R", 30000), "Via: "+via, "CSeq: 1", "Call-ID: "+id),
		head("BYE sip:x SIP/2.0"), head("BYE sip:x SIP/2.0", "Via: "+via), head("INVITE sip:x SIP/2.0", "Via: "+via, "CSeq: 1 INVITE"),
		head("FOO sip:x SIP/9.0", "Via: "+via, "CSeq: 1 FOO", "Call-ID: "+id, "From: "+from, "To: "+to),
	} {
		r.write(inv.from, text)
	}
	// Some of the above match the transaction and may have moved sipgo's state; the answer must still be taken.
	r.ok(inv, "leg1")
	res := r.result(out)
	require.Equal(t, Answered, res.End)
	require.Eventually(t, func() bool { return slices.Contains(r.kinds(), "ACK") }, patience, time.Millisecond)
	require.Greater(t, r.metric("library_warnings_total"), 0.0)
	require.InDelta(t, 0, r.metric("panics_total"), 0)
	require.LessOrEqual(t, strings.Count(r.logged(), "sip library"), 2, "garbage must not flood the log")
	r.request(inv, "BYE", "leg1", 50, "")
	r.ended(res.Call)
	require.Equal(t, avanak.Callee, res.Call.EndedBy())
}

// After a fax, carriers offer the audio again beside the image stream that they turn down: T15.
func TestFurtherStreamThatTheFarEndTurnsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, inv := r.answer()
	fax := answerSDP + "m=image 0 udptl t38\r\n"
	r.request(inv, "INVITE", "leg1", 1, fax)
	res := r.next("200 INVITE")
	r.request(inv, "ACK", "leg1", 1, "")
	require.True(t, strings.HasSuffix(res.body, "a=sendrecv\r\nm=image 0 udptl t38\r\n"), res.body)
	require.Contains(t, res.body, " 2 IN IP4", "the description has changed, and so has its version")
	require.Equal(t, fax, string(c.RemoteSDP()))
	r.request(inv, "INVITE", "leg1", 2, fax)
	again := r.next("200 INVITE")
	r.request(inv, "ACK", "leg1", 2, "")
	require.Equal(t, res.body, again.body)
	r.hangup(c)
}
