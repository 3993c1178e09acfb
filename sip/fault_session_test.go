package sip

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// Session timers of RFC 4028 in seconds of 10 ms: 90 of them are 0.9 s.
const (
	shortSecond = 10 * time.Millisecond
	halfOf90    = 45 * shortSecond
	graceOf90   = 60 * shortSecond // after which the far end is given up
)

const withUpdate, withoutUpdate = "Allow: INVITE, ACK, BYE, UPDATE", "Allow: INVITE, ACK, BYE"

// timed is a rig whose session timers run fast.
func timed(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := newRig(t, change...)
	r.agent.second = shortSecond
	return r
}

// answerWith takes one call up with further header lines in its 200.
func (r *rig) answerWith(lines ...string) (*Call, message) {
	r.t.Helper()
	out := r.invite(r.t.Context(), Invite{})
	inv := r.next("INVITE")
	r.ok(inv, "leg1", lines...)
	res := r.result(out)
	require.Equal(r.t, Answered, res.End, "%+v", res)
	r.next("ACK")
	return res.Call, inv
}

// refresh is our next one, of either method. It has what RFC 4028 section 7.4 asks for.
func (r *rig) refresh(c *Call, method, interval string) message {
	r.t.Helper()
	m := r.next(method)
	require.Equal(r.t, interval+";refresher=uac", m.get("Session-Expires"))
	require.Equal(r.t, "timer", m.get("Supported"))
	require.NotEmpty(r.t, m.get("Contact"))
	if method == "INVITE" {
		require.Equal(r.t, string(c.description()), m.body)
		require.Equal(r.t, "application/sdp", m.get("Content-Type"))
	} else {
		require.Empty(r.t, m.body)
	}
	return m
}

// A carrier whose 2xx makes us the refresher hangs up where no refresh comes.
func TestSessionThatWeMustRefresh(t *testing.T) {
	for method, allowed := range map[string]string{"UPDATE": withUpdate, "INVITE": withoutUpdate} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := timed(t)
			began := time.Now()
			c, _ := r.answerWith("Session-Expires: 90;refresher=uac", "Require: timer", allowed)
			for n, next := range []string{"Session-Expires: 90;refresher=uac", "Session-Expires: 90", "X-None: 1"} {
				m := r.refresh(c, method, "90")
				require.Equal(t, []string{"2 ", "3 ", "4 "}[n]+method, m.get("CSeq"))
				require.GreaterOrEqual(t, time.Since(began), time.Duration(n+1)*halfOf90)
				moved := ""
				if method == "INVITE" {
					moved = strings.Replace(answerSDP, "m=audio 4000", "m=audio 444"+[]string{"0", "2", "4"}[n], 1)
				}
				r.reply(m, 200, "OK", "", moved, r.contact(), next)
				if method == "INVITE" {
					ack := r.next("ACK")
					require.Equal(t, strings.Replace(m.get("CSeq"), "INVITE", "ACK", 1), ack.get("CSeq"))
					require.NotEqual(t, m.branch(), ack.branch())
					r.updated(c)
					require.Equal(t, moved, string(c.RemoteSDP()), "its answer counts")
				}
			}
			// The last 2xx named no interval: the far end wants no timer any more.
			require.Never(t, func() bool { return strings.HasSuffix(r.kinds()[len(r.kinds())-1], "BYE") || c.over() },
				graceOf90+10*shortSecond, 5*shortSecond)
			require.Equal(t, "5 BYE", r.hangup(c).get("CSeq"))
		})
	}
}

func TestAnswerToOurRefreshComesTwice(t *testing.T) {
	t.Parallel()
	r := timed(t)
	c, _ := r.answerWith("Session-Expires: 90;refresher=uac", withoutUpdate)
	m := r.refresh(c, "INVITE", "90")
	for range 3 { // as far as it knows, our ACK was lost
		r.reply(m, 200, "OK", "", answerSDP, r.contact())
		require.Equal(t, "2 ACK", r.next("ACK").get("CSeq"))
	}
	r.hangup(c)
}

func TestRefreshThatIsRefused(t *testing.T) {
	tests := []struct {
		name, next string // what follows
		status     int
		extra      string
	}{
		{"interval too small", "anew", 422, "Min-SE: 120"},
		{"an interval that is none", "again", 422, "Min-SE: 60"},
		{"glare", "again", 491, "X: 1"},
		{"overload", "again", 500, "Retry-After: 5"},
		{"the call is gone", "BYE", 481, "X: 1"},
		{"nobody there", "BYE", 408, "X: 1"},
	}
	for _, tt := range tests {
		for method, allowed := range map[string]string{"UPDATE": withUpdate, "INVITE": withoutUpdate} {
			t.Run(method+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				r := timed(t)
				c, _ := r.answerWith("Session-Expires: 90;refresher=uac", allowed)
				m := r.refresh(c, method, "90")
				r.reply(m, tt.status, "Refused", "", "", tt.extra)
				if method == "INVITE" {
					require.Equal(t, m.branch(), r.next("ACK").branch())
				}
				switch tt.next {
				case "BYE":
					r.expired(c)
					return
				case "again":
					m = r.refresh(c, method, "90")
				default:
					m = r.refresh(c, method, "120")
					require.Equal(t, "120", m.get("Min-SE"))
				}
				require.Equal(t, "3 "+method, m.get("CSeq"))
				r.reply(m, 200, "OK", "", "", r.contact())
				if method == "INVITE" {
					r.next("ACK")
				}
				r.hangup(c)
			})
		}
	}
}

// expired is the end of a call by our BYE, since its session was not refreshed.
func (r *rig) expired(c *Call) {
	r.t.Helper()
	bye := r.next("BYE")
	require.Equal(r.t, "Q.850;cause=102", bye.get("Reason"))
	r.reply(bye, 200, "OK", "", "")
	r.ended(c)
	require.Equal(r.t, avanak.Us, c.EndedBy())
	require.Equal(r.t, CauseExpired, c.Cause())
}

// Tries come at half of what is left, and end with the session: no storm, and no call for ever.
func TestRefreshThatIsRefusedForEver(t *testing.T) {
	t.Parallel()
	r := timed(t)
	c, _ := r.answerWith("Session-Expires: 90;refresher=uac", withUpdate)
	tries := 0
	m := r.either("UPDATE")
	for ; m.kind() == "UPDATE"; m = r.either("UPDATE or BYE") {
		tries++
		require.Less(t, tries, 10)
		r.reply(m, 491, "Request Pending", "", "")
	}
	require.Equal(t, "BYE", m.kind())
	r.reply(m, 200, "OK", "", "")
	r.ended(c)
	require.Equal(t, CauseExpired, c.Cause())
	require.Greater(t, tries, 1)
}

func TestRefreshThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	r := timed(t)
	c, _ := r.answerWith("Session-Expires: 90;refresher=uac", withUpdate)
	r.copies(r.refresh(c, "UPDATE", "90"), 3)
	r.expired(c)
}

// The carrier's own machine is to refresh, and is gone: nobody would ever end the call.
func TestSessionThatNobodyRefreshes(t *testing.T) {
	t.Parallel()
	r := timed(t)
	began := time.Now()
	c, _ := r.answerWith("Session-Expires: 90;refresher=uas")
	r.expired(c)
	require.GreaterOrEqual(t, c.Ended().Sub(began), graceOf90)
}

func TestSessionThatTheFarEndRefreshes(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := timed(t)
			c, inv := r.answerWith("Session-Expires: 90;refresher=uas")
			var last time.Time
			for n := range 4 {
				<-time.After(graceOf90 / 3) // the far end's own pace: four of them are more than the session has
				last = time.Now()
				r.request(inv, method, "leg1", n+1, "", "Supported: timer", "Session-Expires: 90;refresher=uac")
				res := r.next("200 " + method)
				require.Equal(t, "90;refresher=uac", res.get("Session-Expires"))
				require.Equal(t, "timer", res.get("Require"), "RFC 4028 section 9")
				if method == "INVITE" {
					r.request(inv, "ACK", "leg1", n+1, "")
				}
			}
			r.expired(c)
			require.GreaterOrEqual(t, c.Ended().Sub(last), graceOf90, "each refresh began the interval anew")
		})
	}
}

func TestFarEndHandsTheRefreshToUs(t *testing.T) {
	t.Parallel()
	r := timed(t)
	c, inv := r.answerWith("Session-Expires: 90;refresher=uas", withUpdate)
	r.request(inv, "UPDATE", "leg1", 1, "", "x: 100;refresher=uas") // the short form
	res := r.next("200 UPDATE")
	require.Equal(t, "100;refresher=uas", res.get("Session-Expires"))
	require.Empty(t, res.get("Require"))
	m := r.refresh(c, "UPDATE", "100")
	r.reply(m, 200, "OK", "", "", "Session-Expires: 100;refresher=uas") // and takes it back
	r.expired(c)
}

func TestFarEndTurnsTheTimerOff(t *testing.T) {
	t.Parallel()
	r := timed(t)
	c, inv := r.answerWith("Session-Expires: 90;refresher=uas")
	r.request(inv, "UPDATE", "leg1", 1, "")
	require.Empty(t, r.next("200 UPDATE").get("Session-Expires"))
	require.Never(t, c.over, graceOf90+10*shortSecond, 5*shortSecond)
	r.hangup(c)
}

// An interval below 90 s would have us send, or wait for, requests without end (RFC 4028 section 5).
func TestSessionIntervalTooSmall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, inv := r.answer()
	for n, interval := range []string{"1", "60;refresher=uac", "89;refresher=uas"} {
		r.request(inv, "UPDATE", "leg1", 2*n+1, "", "Session-Expires: "+interval)
		require.Equal(t, "90", r.next("422 UPDATE").get("Min-SE"))
		r.request(inv, "INVITE", "leg1", 2*n+2, sdpWith("sendonly"), "Session-Expires: "+interval)
		res := r.next("422 INVITE")
		require.Equal(t, "90", res.get("Min-SE"))
		r.requestWith(inv, res.branch(), "ACK", "leg1", 2*n+2, "")
	}
	require.Equal(t, answerSDP, string(c.RemoteSDP()), "what was refused changes nothing")
	r.hangup(c)
	// In a 2xx there is nothing to refuse: it is taken for the least that there may be.
	r = timed(t)
	c, _ = r.answerWith("Session-Expires: 2;refresher=uac", withUpdate)
	r.refresh(c, "UPDATE", "90")
	r.hangup(c)
}
