package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// with is the message with another value of a header.
func (m message) with(name, value string) message {
	m.headers = append([][2]string{{name, value}}, removeHeader(m.headers, name)...)
	return m
}

// sipgo fault 5: the far end's CSeq was judged by ours. Its numbers are its own (RFC 3261 section 12.2.1.1).
func TestFarEndCountsFromOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	for n, least := range []string{"100", "200", "300"} {
		inv := r.next("INVITE")
		require.Equal(t, fmt.Sprint(n+1, " INVITE"), inv.get("CSeq"))
		r.reply(inv, 422, "Session Interval Too Small", "leg1", "", "Min-SE: "+least)
		r.next("ACK")
	}
	inv := r.next("INVITE")
	r.ok(inv, "leg1")
	c := r.result(out).Call
	require.Equal(t, "4 ACK", r.next("ACK").get("CSeq"))
	r.request(inv, "UPDATE", "leg1", 1, "")
	r.next("200 UPDATE")
	r.request(inv, "BYE", "leg1", 2, "")
	r.next("200 BYE")
	r.ended(c)
	require.Equal(t, avanak.Callee, c.EndedBy())
}

// sipgo fault 4, T7: two branches with early dialogs of their own. What one said before the answer is not the other's.
func TestForkWithEarlyMediaOfTheBranchThatDidNotAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := strings.Replace(answerSDP, "m=audio 4000", "m=audio 4222", 1)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	r.reply(inv, 183, "Session Progress", "leg1", answerSDP)
	r.heard(1)
	r.reply(inv, 183, "Session Progress", "leg2", other)
	r.heard(2)
	r.reply(inv, 180, "Ringing", "leg3", "")
	r.heard(3)
	r.reply(inv, 200, "OK", "leg2", "", r.contact())
	res := r.result(out)
	require.Equal(t, other, string(res.Call.RemoteSDP()), "a 2xx without a description stands for the one before it")
	require.Contains(t, r.next("ACK").get("To"), "tag=leg2")
	// The others answer too: each gets its ACK and its BYE, and neither touches the call.
	for n, tag := range []string{"leg1", "leg3"} {
		r.ok(inv, tag)
		require.Contains(t, r.next("ACK").get("To"), "tag="+tag)
		bye := r.next("BYE")
		require.Contains(t, bye.get("To"), "tag="+tag)
		r.reply(bye, 200, "OK", "", "")
		require.InDelta(t, n+1, r.metric("forked_2xx_total"), 0)
	}
	require.False(t, res.Call.over())
	require.Empty(t, res.Call.Updated())
	require.Contains(t, r.hangup(res.Call).get("To"), "tag=leg2")
}

// T13: what the far end sent before the answer overtakes nothing once it comes late.
func TestRingingThatTheAnswerOvertook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, inv := r.answer()
	for _, status := range []int{100, 180, 183} {
		r.reply(inv, status, "Late", "leg1", strings.Replace(answerSDP, "4000", "4666", 1))
	}
	r.request(inv, "INFO", "leg1", 1, "") // its answer shows that what came before is handled, or being handled
	r.next("200 INFO")
	require.Equal(t, answerSDP, string(c.RemoteSDP()))
	r.hangup(c)
	require.Equal(t, []string{"INVITE", "ACK", "200 INFO", "BYE"}, r.kinds(), "no CANCEL, no second ACK")
}

// T13: each message comes twice. Each has one effect, and what needs an answer gets the same one again.
func TestEveryMessageComesTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	twice := func(send func()) { send(); send() }
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	twice(func() { r.reply(inv, 180, "Ringing", "leg1", "") })
	r.heard(2)
	twice(func() { r.ok(inv, "leg1") })
	res := r.result(out)
	r.copies(r.next("ACK"), 2)
	hold := strings.Replace(answerSDP, "m=audio", "a=sendonly\r\nm=audio", 1)
	twice(func() { r.requestWith(inv, "z9hG4bKtwice1", "INVITE", "leg1", 1, hold) })
	held := r.next("200 INVITE")
	r.copies(held, 2)
	require.Contains(t, held.body, "o=avanak 7 2 IN", "one change, one version")
	twice(func() { r.request(inv, "ACK", "leg1", 1, "") })
	r.requestWith(inv, "z9hG4bKtwice2", "BYE", "leg1", 2, "")
	ok := r.next("200 BYE") // a copy that comes before it was sent gets none
	r.requestWith(inv, "z9hG4bKtwice2", "BYE", "leg1", 2, "")
	r.copies(ok, 2)
	r.ended(res.Call)
	require.Equal(t, []string{"INVITE", "ACK", "200 INVITE", "200 BYE"}, r.kinds())
	require.InDelta(t, 1, r.metric("responses_total", "class", "2xx"), 0)
	require.InDelta(t, 0, r.metric("calls"), 0)
}

// A proxy asked for a password, and then a phone answered the INVITE without (RFC 3261 section 16.7, item 5). The person
// is there: the call is theirs, and the INVITE that was sent anew rings nobody.
func TestAnswerToTheFirstInviteAfterTheSecondLeft(t *testing.T) {
	retry := func(t *testing.T) (r *rig, out <-chan Result, first, second message) {
		t.Helper()
		r = newRig(t)
		out = r.invite(t.Context(), Invite{})
		first = r.next("INVITE")
		r.reply(first, 422, "Session Interval Too Small", "proxy", "", "Min-SE: 100")
		r.next("ACK")
		return r, out, first, r.next("INVITE")
	}
	t.Run("it rings later", func(t *testing.T) {
		t.Parallel()
		r, out, first, second := retry(t)
		r.ok(first, "leg1")
		res := r.result(out)
		require.Equal(t, Answered, res.End)
		require.Equal(t, "1 ACK", r.next("ACK").get("CSeq"), "the number of its own INVITE")
		require.NotContains(t, r.kinds(), "CANCEL", "not before a provisional response")
		r.reply(second, 180, "Ringing", "leg2", "")
		cancel := r.next("CANCEL")
		require.Equal(t, second.branch(), cancel.branch())
		r.reply(cancel, 200, "OK", "leg2", "")
		r.reply(second, 487, "Request Terminated", "leg2", "")
		r.next("ACK")
		require.Equal(t, "3 BYE", r.hangup(res.Call).get("CSeq"))
		require.Eventually(t, func() bool { return r.metric("legs") == 0 }, patience, 10*time.Millisecond)
	})
	t.Run("it rings already, and is answered too", func(t *testing.T) {
		t.Parallel()
		r, out, first, second := retry(t)
		r.reply(second, 180, "Ringing", "leg2", "")
		r.heard(1)
		r.ok(first, "leg1")
		res := r.result(out)
		require.Equal(t, Answered, res.End)
		r.next("ACK")
		cancel := r.next("CANCEL")
		require.Equal(t, second.branch(), cancel.branch())
		r.reply(cancel, 481, "Gone", "leg2", "")
		r.ok(second, "leg2")
		require.Equal(t, "2 ACK", r.next("ACK").get("CSeq"))
		bye := r.next("BYE")
		require.Contains(t, bye.get("To"), "tag=leg2")
		r.reply(bye, 200, "OK", "", "")
		require.False(t, res.Call.over())
		r.hangup(res.Call)
	})
	t.Run("its transaction is given up where nothing comes", func(t *testing.T) {
		t.Parallel()
		r, out, first, _ := retry(t)
		r.ok(first, "leg1")
		c := r.result(out).Call
		r.next("ACK")
		r.hangup(c)
		require.Eventually(t, func() bool { return r.metric("legs") == 0 }, patience, 10*time.Millisecond)
	})
}

// A refusal was passed on, and then another phone of the callee's was picked up: sipgo's transaction drops that answer.
func TestAnswerAfterARefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	r.reply(inv, 486, "Busy Here", "leg1", "")
	require.Equal(t, Refused, r.result(out).End)
	r.next("ACK")
	r.ok(inv, "leg2")
	ack, bye := r.next("ACK"), r.next("BYE")
	require.Contains(t, ack.get("To"), "tag=leg2")
	require.Contains(t, bye.get("To"), "tag=leg2")
	r.ok(inv, "leg2")
	r.copies(ack, 2)
	r.reply(bye, 200, "OK", "", "")
	require.InDelta(t, 1, r.metric("late_2xx_total"), 0)
}

// anotherCall has headers that make a response one of another call, though its branch is ours.
var anotherCall = [][2]string{{"call-id", "another"}, {"from", "<sip:02191000000@127.0.0.1>;tag=forged"},
	{"from", "<sip:02191000000@127.0.0.1>"}, {"cseq", "2 INVITE"}, {"cseq", "0 INVITE"}}

// Nor does it hide the true answer: sipgo's transaction takes either for the final response.
func TestResponseOfAnotherCallHidesNoAnswer(t *testing.T) {
	for _, header := range anotherCall {
		for _, status := range []int{180, 200, 486} {
			t.Run(fmt.Sprint(status, " ", header[0], " ", header[1]), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				out := r.invite(t.Context(), Invite{})
				inv := r.next("INVITE")
				r.reply(inv.with(header[0], header[1]), status, "Forged", "forged", "", r.contact())
				if status == 486 { // sipgo acknowledges it
					r.next("ACK")
				}
				answered := make(chan struct{})
				defer func() { <-answered }()
				stop := make(chan struct{})
				defer close(stop)
				go func() { // until it is acknowledged, as a callee does
					defer close(answered)
					for {
						r.ok(inv, "leg1")
						select {
						case <-stop:
							return
						case <-time.After(50 * time.Millisecond):
						}
					}
				}()
				res := r.result(out)
				require.Equal(t, Answered, res.End)
				require.Contains(t, r.next("ACK").get("To"), "tag=leg1")
				r.hangup(res.Call)
				require.NotContains(t, strings.Join(r.kinds(), " "), "CANCEL")
			})
		}
	}
}

// T18: whoever can send our calls where he likes commits toll fraud at our customer's cost.
func TestRedirectionIsNotFollowed(t *testing.T) {
	for _, status := range []int{300, 301, 302, 305, 380} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			r, elsewhere := newRig(t), newCallee(t)
			out := r.invite(t.Context(), Invite{})
			inv := r.next("INVITE")
			r.reply(inv, status, "Moved", "leg1", "", "Contact: <sip:00989120000009@"+elsewhere.addr()+">;q=1.0")
			res := r.result(out)
			require.Equal(t, Refused, res.End)
			require.Equal(t, avanak.ClassRefused.String(), res.Class.String())
			require.False(t, res.Dead, "nor by another trunk")
			r.next("ACK")
			require.Empty(t, elsewhere.kinds())
			require.Equal(t, []string{"INVITE", "ACK"}, r.kinds())
		})
	}
}

// T1: the target that left an INVITE unanswered comes after the others, and the class says that a phone may ring.
func TestSilentTargetIsNotAskedNext(t *testing.T) {
	t.Parallel()
	second := newCallee(t)
	r := newRig(t, func(c *Config) {
		c.FirstResponse = 200 * time.Millisecond
		c.Targets = append(c.Targets, second.addr())
	})
	res := r.result(r.invite(t.Context(), Invite{}))
	require.Equal(t, Silent, res.End)
	require.Equal(t, avanak.ClassSilent.String(), res.Class.String())
	require.False(t, res.Dead, "a phone may ring: this call goes nowhere else")
	require.Equal(t, r.addr(), res.Target)
	out := r.invite(t.Context(), Invite{CallID: "another"})
	inv := second.next("INVITE")
	second.reply(inv, 486, "Busy Here", "leg1", "")
	require.Equal(t, second.addr(), r.result(out).Target)
}
