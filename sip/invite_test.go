package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestCallIsPlacedAnsweredAndHungUp(t *testing.T) {
	r := newRig(t)
	var gated, sent time.Time
	out := r.invite(t.Context(), Invite{CallID: "cmp_01abc-17-2", To: 989120000042,
		BeforeSend: func(context.Context) error { gated = time.Now(); return nil },
		OnSent:     func(at time.Time) { sent = at }})
	inv := r.next("INVITE")
	require.Equal(t, "INVITE sip:+989120000042@"+r.addr()+" SIP/2.0", inv.start)
	require.Equal(t, "cmp_01abc-17-2", inv.get("Call-ID"))
	require.Equal(t, "70", inv.get("Max-Forwards"))
	require.Equal(t, "Avanak", inv.get("User-Agent"))
	require.Equal(t, "application/sdp", inv.get("Content-Type"))
	require.Equal(t, allow, inv.get("Allow"))
	require.Equal(t, "timer", inv.get("Supported"))
	require.Contains(t, inv.get("From"), "<sip:02191000000@127.0.0.1>;tag=")
	require.Equal(t, "<sip:02191000000@"+r.agent.Addr().String()+">", inv.get("Contact"))
	require.Equal(t, r.agent.Addr().String(), inv.from.String(), "the INVITE must leave from the listening socket")
	require.Contains(t, inv.body, "m=audio 4002 RTP/AVP 8 0 101")
	r.reply(inv, 100, "Trying", "", "")
	r.heard(1)
	r.reply(inv, 180, "Ringing", "leg1", "")
	r.heard(2)
	r.ok(inv, "leg1")
	res := r.result(out)
	require.Equal(t, Answered, res.End)
	ack := r.next("ACK")
	require.Equal(t, "ACK sip:callee@"+r.addr()+" SIP/2.0", ack.start)
	require.Equal(t, "1 ACK", ack.get("CSeq"))
	require.Contains(t, ack.get("To"), "tag=leg1")
	require.NotEqual(t, inv.branch(), ack.branch())
	require.Equal(t, answerSDP, string(res.Call.RemoteSDP()))
	require.Equal(t, sent, res.Timing.Sent)
	require.False(t, res.Timing.Sent.Before(gated))
	require.False(t, res.Timing.FirstProvisional.Before(res.Timing.Sent))
	require.False(t, res.Timing.Ringing.Before(res.Timing.FirstProvisional))
	require.False(t, res.Timing.Answered.Before(res.Timing.Ringing))
	require.Equal(t, avanak.Nobody, res.Call.EndedBy())
	require.InDelta(t, 1, r.metric("calls", "trunk", "test"), 0)

	bye := r.hangup(res.Call)
	require.Equal(t, "2 BYE", bye.get("CSeq"))
	require.Equal(t, "Q.850;cause=16", bye.get("Reason"))
	require.Equal(t, avanak.Us, res.Call.EndedBy())
	require.Equal(t, CauseNormal, res.Call.Cause())
	require.NoError(t, res.Call.Hangup(t.Context(), CauseNormal), "hanging up twice is no error")
	require.InDelta(t, 1, r.metric("invites_total", "trunk", "test"), 0)
	require.InDelta(t, 2, r.metric("responses_total", "class", "1xx"), 0)
	require.InDelta(t, 1, r.metric("responses_total", "class", "2xx"), 0)
	require.InDelta(t, 0, r.metric("calls"), 0)
	require.Equal(t, []string{"INVITE", "ACK", "BYE"}, r.kinds())
}

// T2: an overloaded trunk says for how long, and that nothing rang.
func TestRefusalIsReported(t *testing.T) {
	tests := []struct {
		name   string
		status int
		reason string
		extra  []string
		want   Result
	}{
		{"busy with a Q.850 cause", 486, "Busy Here", []string{`Reason: SIP;cause=486, Q.850;cause=17;text="User busy"`},
			Result{Status: 486, Reason: "Busy Here", Cause: 17, Class: avanak.ClassAway}},
		{"overload with Retry-After", 503, "Service Unavailable", []string{"Retry-After: 18 (maintenance);duration=60"},
			Result{Status: 503, Reason: "Service Unavailable", RetryAfter: 18 * time.Second, Class: avanak.ClassCongestion, Dead: true}},
		{"declined", 603, "Decline", nil, Result{Status: 603, Reason: "Decline", Class: avanak.ClassRefused}},
		{"blocked by a network that says so in words", 603, "Decline", []string{`Reason: Q.850;cause=21;text="Network Blocked, see terms"`},
			Result{Status: 603, Reason: "network blocked: Decline", Cause: 21, Class: avanak.ClassUnwanted}},
		{"moved", 302, "Moved", []string{"Contact: <sip:elsewhere@127.0.0.1>"}, Result{Status: 302, Reason: "Moved", Class: avanak.ClassRefused}},
		{"a number in the phrase", 404, "No +989120000001 here", nil,
			Result{Status: 404, Reason: "No +9891******** here", Class: avanak.ClassNumber}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			out := r.invite(t.Context(), Invite{})
			inv := r.next("INVITE")
			r.reply(inv, 100, "Trying", "", "")
			r.reply(inv, tt.status, tt.reason, "leg1", "", tt.extra...)
			res := r.result(out)
			require.Equal(t, inv.branch(), r.next("ACK").branch())
			require.False(t, res.Timing.Ended.Before(res.Timing.Sent))
			require.Equal(t, r.addr(), res.Target)
			res.Timing, res.Target = Timing{}, ""
			tt.want.End = Refused
			require.Equal(t, tt.want, res)
			require.Eventually(t, func() bool { return r.metric("legs") == 0 }, patience, time.Millisecond)
		})
	}
}

// T4: a slow trunk, that rings for ever or only tries.
func TestNobodyAnswersWithinTheRingLimit(t *testing.T) {
	tests := []struct {
		name  string
		rings bool
	}{{"ringing", true}, {"only trying", false}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			out := r.invite(t.Context(), Invite{RingLimit: 300 * time.Millisecond})
			inv := r.next("INVITE")
			r.reply(inv, 100, "Trying", "", "")
			if tt.rings {
				r.heard(1)
				r.reply(inv, 180, "Ringing", "leg1", "")
			}
			cancel := r.next("CANCEL")
			require.Equal(t, strings.Replace(inv.start, "INVITE", "CANCEL", 1), cancel.start)
			require.Equal(t, inv.get("Via"), cancel.get("Via"))
			require.Equal(t, inv.get("To"), cancel.get("To"))
			require.Equal(t, inv.get("From"), cancel.get("From"))
			require.Equal(t, "1 CANCEL", cancel.get("CSeq"))
			require.Contains(t, cancel.get("Reason"), "SIP;cause=")
			r.reply(cancel, 200, "OK", "leg1", "")
			r.reply(inv, 487, "Request Terminated", "leg1", "")
			res := r.result(out)
			require.Equal(t, RingLimit, res.End)
			require.Equal(t, 487, res.Status)
			require.False(t, res.Late)
			require.Equal(t, tt.rings, !res.Timing.Ringing.IsZero())
			r.next("ACK")
		})
	}
}

// T4: a long wait before the first ring takes nothing from the ringing.
func TestRingLimitStartsWithTheFirstRinging(t *testing.T) {
	const limit = 1500 * time.Millisecond
	r := newRig(t)
	out := r.invite(t.Context(), Invite{RingLimit: limit})
	inv := r.next("INVITE")
	r.reply(inv, 100, "Trying", "", "")
	time.AfterFunc(limit/2, func() { r.reply(inv, 183, "Session Progress", "leg1", "") })
	cancel := r.next("CANCEL")
	r.reply(cancel, 200, "OK", "leg1", "")
	r.reply(inv, 487, "Request Terminated", "leg1", "")
	res := r.result(out)
	require.GreaterOrEqual(t, res.Timing.Ended.Sub(res.Timing.Ringing), limit)
	require.GreaterOrEqual(t, res.Timing.Ringing.Sub(res.Timing.FirstProvisional), limit/4)
}

// T5, sipgo fault 1: it gave the call up at the eleventh response, without a CANCEL.
func TestAnyNumberOfProvisionalResponsesIsFine(t *testing.T) {
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	for range 14 {
		r.reply(inv, 180, "Ringing", "leg1", "")
	}
	r.heard(14)
	r.ok(inv, "leg1")
	res := r.result(out)
	require.Equal(t, Answered, res.End)
	r.next("ACK")
	r.hangup(res.Call)
}

// T1: a silent trunk.
func TestSilenceIsAmbiguousAndEndsTheRetransmission(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FirstResponse = 300 * time.Millisecond })
	res := r.result(r.invite(t.Context(), Invite{}))
	require.Equal(t, Silent, res.End)
	require.ErrorIs(t, res.Err, ErrNoResponse)
	require.False(t, res.Timing.Sent.IsZero())
	require.Zero(t, res.Status)
	inv := r.next("INVITE")
	copies := func() int { r.callee.mu.Lock(); defer r.callee.mu.Unlock(); return r.seen[inv.key()].copies }
	before := copies()
	require.Greater(t, before, 1, "it must have been sent again at first")
	require.Never(t, func() bool { return copies() > before }, 900*time.Millisecond, 50*time.Millisecond)
	require.Equal(t, []string{"INVITE"}, r.kinds(), "no CANCEL before a provisional response")
}

func TestResponseOfAnotherCallIsNoResponse(t *testing.T) {
	for _, header := range anotherCall {
		t.Run(header[0]+" "+header[1], func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.FirstResponse = 300 * time.Millisecond })
			out := r.invite(t.Context(), Invite{})
			forged := r.next("INVITE").with(header[0], header[1])
			r.reply(forged, 180, "Ringing", "leg1", "")
			res := r.result(out)
			require.Equal(t, Silent, res.End)
			require.Zero(t, res.Timing.FirstProvisional)
			require.InDelta(t, 0, r.metric("responses_total"), 0)
		})
	}
}

func TestWhatComesAfterTheSilenceIsSettled(t *testing.T) {
	quiet := func(c *Config) { c.FirstResponse = 200 * time.Millisecond }
	t.Run("an answer is acknowledged and ended", func(t *testing.T) {
		r := newRig(t, quiet)
		require.Equal(t, Silent, r.result(r.invite(t.Context(), Invite{})).End)
		inv := r.next("INVITE")
		r.ok(inv, "leg1")
		ack, bye := r.next("ACK"), r.next("BYE")
		require.Contains(t, ack.get("To"), "tag=leg1")
		r.ok(inv, "leg1")
		r.copies(ack, 2)
		r.reply(bye, 200, "OK", "", "")
		require.InDelta(t, 1, r.metric("late_2xx_total"), 0)
	})
	t.Run("ringing is cancelled", func(t *testing.T) {
		r := newRig(t, quiet)
		require.Equal(t, Silent, r.result(r.invite(t.Context(), Invite{})).End)
		inv := r.next("INVITE")
		r.reply(inv, 180, "Ringing", "leg1", "")
		cancel := r.next("CANCEL")
		require.Equal(t, inv.branch(), cancel.branch())
		r.reply(cancel, 200, "OK", "leg1", "")
		r.reply(inv, 487, "Request Terminated", "leg1", "")
		ack := r.next("ACK")
		require.Equal(t, inv.branch(), ack.branch())
		require.Contains(t, ack.get("To"), "tag=leg1")
	})
}

// T6, sipgo fault 2: it sent neither ACK nor BYE.
func TestAnswerThatCrossesCancelIsEndedAndReported(t *testing.T) {
	r := newRig(t)
	out := r.invite(t.Context(), Invite{RingLimit: 200 * time.Millisecond})
	inv := r.next("INVITE")
	r.reply(inv, 180, "Ringing", "leg1", "")
	cancel := r.next("CANCEL")
	r.ok(inv, "leg1")
	r.reply(cancel, 481, "Gone", "leg1", "")
	res := r.result(out)
	require.Equal(t, RingLimit, res.End)
	require.True(t, res.Late)
	require.Nil(t, res.Call)
	require.Zero(t, res.Status)
	r.next("ACK")
	bye := r.next("BYE")
	r.reply(bye, 200, "OK", "", "")
	require.InDelta(t, 1, r.metric("late_2xx_total"), 0)
}

func TestAnswerLongAfterCancelIsEndedByTheWatcher(t *testing.T) {
	r := newRig(t)
	out := r.invite(t.Context(), Invite{RingLimit: 200 * time.Millisecond})
	inv := r.next("INVITE")
	r.reply(inv, 180, "Ringing", "leg1", "")
	cancel := r.next("CANCEL")
	r.reply(cancel, 200, "OK", "leg1", "")
	res := r.result(out) // no 487 came
	require.Equal(t, RingLimit, res.End)
	require.False(t, res.Late)
	require.Zero(t, res.Status)
	r.ok(inv, "leg1")
	r.next("ACK")
	r.reply(r.next("BYE"), 200, "OK", "", "")
}

func TestContextEndCancels(t *testing.T) {
	t.Run("while ringing", func(t *testing.T) {
		r := newRig(t)
		ctx, stop := context.WithCancel(t.Context())
		out := r.invite(ctx, Invite{})
		inv := r.next("INVITE")
		r.reply(inv, 180, "Ringing", "leg1", "")
		r.heard(1)
		stop()
		cancel := r.next("CANCEL")
		r.reply(cancel, 200, "OK", "leg1", "")
		r.reply(inv, 487, "Request Terminated", "leg1", "")
		res := r.result(out)
		require.Equal(t, Cancelled, res.End)
		require.ErrorIs(t, res.Err, context.Canceled)
		require.Equal(t, 487, res.Status)
	})
	t.Run("before any response", func(t *testing.T) {
		r := newRig(t)
		ctx, stop := context.WithCancel(t.Context())
		out := r.invite(ctx, Invite{})
		inv := r.next("INVITE")
		stop()
		res := r.result(out)
		require.Equal(t, Cancelled, res.End)
		require.True(t, res.Timing.FirstProvisional.IsZero())
		r.reply(inv, 100, "Trying", "", "")
		cancel := r.next("CANCEL")
		r.reply(cancel, 200, "OK", "leg1", "")
		r.reply(inv, 487, "Request Terminated", "leg1", "")
		r.next("ACK")
	})
	t.Run("before sending", func(t *testing.T) {
		r := newRig(t)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		res := r.result(r.invite(ctx, Invite{}))
		require.Equal(t, NotSent, res.End)
		require.ErrorIs(t, res.Err, context.Canceled)
		require.Empty(t, r.kinds())
	})
}

func TestNothingLeavesWhereAGateRefuses(t *testing.T) {
	errGate := errors.New("no permit")
	tests := []struct {
		name string
		inv  Invite
		want error
	}{
		{"the last gate", Invite{BeforeSend: func(context.Context) error { return errGate }}, errGate},
		{"a Call-ID that could inject headers", Invite{CallID: "a\r\nEvil: 1"}, avanak.ErrInvalid},
		{"a Call-ID without end", Invite{CallID: strings.Repeat("a", 129)}, avanak.ErrInvalid},
		{"an INVITE too large for UDP", Invite{SDP: make([]byte, 1300)}, ErrTooLarge},
		{"a negative ring limit", Invite{RingLimit: -1}, avanak.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			res := r.result(r.invite(t.Context(), tt.inv))
			require.Equal(t, NotSent, res.End)
			require.ErrorIs(t, res.Err, tt.want)
			fault := errors.Is(tt.want, ErrTooLarge) // of the trunk's settings: another trunk may do
			require.Equal(t, fault, res.Class == avanak.ClassFault)
			require.Equal(t, !fault, res.Class == avanak.ClassUs)
			require.Equal(t, fault, res.Dead)
			require.Zero(t, res.Timing.Sent)
			require.Empty(t, r.kinds())
			require.InDelta(t, 0, r.metric("invites_total"), 0)
			require.InDelta(t, 0, r.metric("legs"), 0)
		})
	}
}

func TestTransportErrorBeforeAnythingLeft(t *testing.T) {
	// From a loopback address the kernel sends nothing to the documentation network (RFC 5737).
	r := newRig(t, func(c *Config) { c.Targets = []string{"192.0.2.1:5060"} })
	res := r.result(r.invite(t.Context(), Invite{}))
	require.Equal(t, NotSent, res.End)
	require.ErrorContains(t, res.Err, "send")
	require.Equal(t, avanak.ClassCongestion.String(), res.Class.String())
	require.True(t, res.Dead)
	require.NotContains(t, res.Err.Error(), "912000")
}

func TestCallIDInUseIsRefused(t *testing.T) {
	r := newRig(t)
	c, _ := r.answer()
	res := r.result(r.invite(t.Context(), Invite{}))
	require.Equal(t, NotSent, res.End)
	require.ErrorIs(t, res.Err, errInUse)
	r.hangup(c)
}

func TestPanicEndsOnlyItsCall(t *testing.T) {
	r := newRig(t)
	c, _ := r.answer()
	res := r.result(r.invite(t.Context(), Invite{CallID: "bad", OnSent: func(time.Time) { panic("fault of +989120000001") }}))
	require.Equal(t, Broken, res.End)
	inv := r.next("INVITE")
	// Nobody remembers the call, yet it is ended. An answer that comes while the leg breaks down is lost, and comes again.
	sofar := len(r.kinds())
	insist(t, func() { r.ok(inv, "late") }, func() bool { return len(r.kinds()) > sofar })
	require.Equal(t, "bad", r.next("ACK").get("Call-ID"))
	r.reply(r.next("BYE"), 200, "OK", "", "")
	require.InDelta(t, 1, r.metric("panics_total"), 0)

	res = r.agent.Invite(t.Context(), Invite{CallID: "worse", To: 989120000001, BeforeSend: func(context.Context) error { panic("x") }})
	require.Equal(t, NotSent, res.End, "nothing had left")
	require.ErrorIs(t, res.Err, errPanic)
	require.Equal(t, avanak.ClassUs, res.Class)
	require.InDelta(t, 2, r.metric("panics_total"), 0)
	require.Eventually(t, func() bool { return r.agent.leg("worse") == nil }, patience, time.Millisecond)
	r.hangup(c)
}

func TestNumbersAreWrittenAsTheTrunkWants(t *testing.T) {
	for format, want := range map[NumberFormat][2]string{
		E164: {"+989120000001", "+989120000099"}, National: {"09120000001", "09120000099"},
		International: {"00989120000001", "00989120000099"}, Digits: {"989120000001", "989120000099"},
	} {
		t.Run(string(format), func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.NumberFormat = format })
			out := r.invite(t.Context(), Invite{From: 989120000099})
			inv := r.next("INVITE")
			require.Contains(t, inv.start, "sip:"+want[0]+"@")
			require.Contains(t, inv.get("From"), "<sip:"+want[1]+"@")
			r.reply(inv, 486, "Busy Here", "leg1", "")
			require.Equal(t, Refused, r.result(out).End)
		})
	}
}
