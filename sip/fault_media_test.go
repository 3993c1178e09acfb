package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sdpWith is the callee's session description with a direction, or a hold of the old kind.
func sdpWith(direction string) string {
	if direction == "c=0.0.0.0" {
		return strings.Replace(answerSDP, "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1)
	}
	return answerSDP + "a=" + direction + "\r\n"
}

// updated waits until whoever plays to c is told of a change.
func (r *rig) updated(c *Call) {
	r.t.Helper()
	select {
	case <-c.Updated():
	case <-time.After(patience):
		r.t.Fatal("no change was told")
	}
}

// T15: a callee who puts us on hold stays a callee: the session goes on with the other side of its direction (RFC 3264
// section 6.1), and whoever plays is told.
func TestHoldEndsNoCall(t *testing.T) {
	for _, tt := range []struct{ theirs, ours string }{
		{"sendonly", "recvonly"}, {"inactive", "inactive"}, {"recvonly", "sendonly"}, {"c=0.0.0.0", "inactive"},
	} {
		for _, method := range []string{"INVITE", "UPDATE"} {
			t.Run(method+" "+tt.theirs, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				c, inv := r.answer()
				offer := string(Offer(r.agent.Addr().Addr(), 4002, 7))
				want := strings.Replace(offer, "a=sendrecv", "a="+tt.ours, 1)
				for n, step := range []struct{ sdp, want, origin string }{
					{sdpWith(tt.theirs), want, "o=avanak 7 2 IN"},
					{sdpWith(tt.theirs) + "a=x-same:1\r\n", want, "o=avanak 7 2 IN"}, // no change of ours, no new version
					{sdpWith("sendrecv"), offer, "o=avanak 7 3 IN"},
				} {
					r.request(inv, method, "leg1", n+1, step.sdp)
					res := r.next("200 " + method)
					require.Equal(t, strings.Replace(step.want, "o=avanak 7 1 IN", step.origin, 1), res.body)
					require.NotEmpty(t, res.get("Contact"))
					if method == "INVITE" {
						r.request(inv, "ACK", "leg1", n+1, "")
					}
					r.updated(c)
					require.Equal(t, step.sdp, string(c.RemoteSDP()))
				}
				require.False(t, c.over())
				r.hangup(c)
			})
		}
	}
}

// T15: what we refuse leaves the session as it was.
func TestRefusedOfferChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, inv := r.answer()
	for n, sdp := range []string{
		"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image 4000 udptl t38\r\n",
		strings.ReplaceAll(sdpWith("sendonly"), "8 101", "18"),
		sdpWith("sendonly") + "m=video 4010 RTP/AVP 96\r\n",
		"v=0\r\nnonsense",
	} {
		r.request(inv, "UPDATE", "leg1", n+1, sdp, "Contact: <sip:nobody@192.0.2.1>")
		r.next("488 UPDATE")
	}
	require.Empty(t, c.Updated())
	require.Equal(t, answerSDP, string(c.RemoteSDP()))
	require.Equal(t, "BYE sip:callee@"+r.addr()+" SIP/2.0", r.hangup(c).start)
}

// T15: a re-INVITE without an offer asks for ours, and moves the media with its ACK. A hold is over with it (RFC 3261
// section 14.2: an offer as for a new call).
func TestOfferThatIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, inv := r.answer()
	r.request(inv, "UPDATE", "leg1", 1, sdpWith("sendonly"))
	r.next("200 UPDATE")
	r.updated(c)
	r.request(inv, "INVITE", "leg1", 2, "")
	offer := string(Offer(r.agent.Addr().Addr(), 4002, 7))
	require.Equal(t, strings.Replace(offer, "o=avanak 7 1 IN", "o=avanak 7 3 IN", 1), r.next("200 INVITE").body)
	moved := strings.Replace(answerSDP, "m=audio 4000", "m=audio 4444", 1)
	r.request(inv, "ACK", "leg1", 2, moved)
	r.updated(c)
	require.Equal(t, moved, string(c.RemoteSDP()))
	// An ACK that answers no offer of ours, or with nonsense, moves nothing.
	for n, ack := range []struct{ offer, answer string }{{moved, answerSDP}, {"", "v=0\r\nnonsense"}, {"", ""}} {
		r.request(inv, "INVITE", "leg1", n+3, ack.offer)
		r.next("200 INVITE")
		r.request(inv, "ACK", "leg1", n+3, ack.answer)
		require.Eventually(t, func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.acked.came == nil
		}, patience, time.Millisecond)
	}
	r.request(inv, "UPDATE", "leg1", 9, "") // comes after the last ACK was handled
	r.next("200 UPDATE")
	require.Equal(t, moved, string(c.RemoteSDP()))
	r.hangup(c)
}

// T15: a carrier that moves the call to another machine of its own names it in the Contact of its re-INVITE or UPDATE: a BYE
// that goes to the old one ends nothing.
func TestByeAfterTheFarEndMoved(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r, other := newRig(t), newCallee(t)
			c, inv := r.answer()
			other.request(inv, method, "leg1", 1, answerSDP)
			other.next("200 " + method)
			if method == "INVITE" {
				other.request(inv, "ACK", "leg1", 1, "")
			}
			done := make(chan error, 1)
			go func() { done <- c.Hangup(t.Context(), CauseNormal) }()
			bye := other.next("BYE")
			require.Equal(t, "BYE sip:callee@"+other.addr()+" SIP/2.0", bye.start)
			other.reply(bye, 200, "OK", "", "")
			require.NoError(t, <-done)
			require.NotContains(t, r.kinds(), "BYE")
		})
	}
}

// T16: the far end learns why an answered call is ended at once.
func TestByeSaysWhy(t *testing.T) {
	for _, cause := range []int{CauseNormal, CauseIncompatible, CauseExpired} {
		t.Run(fmt.Sprint(cause), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c, _ := r.answer()
			done := make(chan error, 1)
			go func() { done <- c.Hangup(t.Context(), cause) }()
			bye := r.next("BYE")
			require.Equal(t, []string{fmt.Sprintf("Q.850;cause=%d", cause)}, bye.all("Reason"))
			r.reply(bye, 200, "OK", "", "")
			require.NoError(t, <-done)
			require.Equal(t, cause, c.Cause())
		})
	}
}

// T16: by UDP the body ends with the datagram, or where Content-Length says; a datagram that is too short for it is no
// message (RFC 3261 section 18.3), and its true copy is taken.
func TestAnswerWithAWrongLength(t *testing.T) {
	for name, tt := range map[string]struct{ length, want string }{
		"none":      {"X-Length: 0", answerSDP + "\r\n"},
		"too short": {fmt.Sprint("Content-Length: ", len(answerSDP)), answerSDP},
		"too long":  {"Content-Length: 9999", ""},
		"huge":      {"Content-Length: 99999999999999999999", ""},
		"negative":  {"Content-Length: -5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			out := r.invite(t.Context(), Invite{})
			inv := r.next("INVITE")
			r.write(inv.from, strings.Join([]string{"SIP/2.0 200 OK", "Via: " + inv.get("Via"), "From: " + inv.get("From"),
				"To: " + inv.get("To") + ";tag=leg1", "Call-ID: " + inv.get("Call-ID"), "CSeq: " + inv.get("CSeq"), r.contact(),
				"Content-Type: application/sdp", tt.length, "", answerSDP + "\r\n"}, "\r\n"))
			if tt.want == "" {
				require.Never(t, func() bool { return len(r.kinds()) > 1 }, 20*time.Millisecond, time.Millisecond)
				r.ok(inv, "leg1")
				tt.want = answerSDP
			}
			res := r.result(out)
			require.Equal(t, Answered, res.End)
			r.next("ACK")
			require.Equal(t, tt.want, string(res.Call.RemoteSDP()))
			r.hangup(res.Call)
		})
	}
}
