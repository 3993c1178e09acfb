package sip

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// healthWords writes the changes of the health to a channel.
func healthWords(to chan<- string) func(avanak.Health) {
	return func(h avanak.Health) {
		text := fmt.Sprintf("%t %s", h.Usable, h.Why)
		for _, t := range h.Targets {
			text += fmt.Sprintf(" %s:%t", t.Addr, t.Up)
		}
		to <- text
	}
}

// pinged is a callee that answers OPTIONS by itself, with a status that may change; 0 does not answer.
type pinged struct {
	*callee
	status atomic.Int64
	asked  atomic.Int64
}

func newPinged(t *testing.T, status int64) *pinged {
	t.Helper()
	p := &pinged{callee: newCallee(t)}
	p.status.Store(status)
	answers := func(m message) bool {
		if m.kind() != "OPTIONS" {
			return false
		}
		p.asked.Add(1)
		if status := int(p.status.Load()); status != 0 {
			p.reply(m, status, "Whatever", "o", "")
		}
		return true
	}
	p.filter.Store(&answers)
	return p
}

const often = 100 * time.Millisecond // between OPTIONS: the least that may be configured

func TestTargetThatLeavesOptionsUnansweredGetsNoCall(t *testing.T) {
	one, two := newPinged(t, 200), newPinged(t, 200)
	changes := make(chan string, 16)
	r := newRig(t, func(c *Config) { c.Targets, c.Options = []string{one.addr(), two.addr()}, often })
	r.agent.Notify(healthWords(changes))
	require.Equal(t, "true ", <-changes)
	list := func(first, second bool) string {
		a, b := fmt.Sprintf(" %s:%t", one.addr(), first), fmt.Sprintf(" %s:%t", two.addr(), second)
		if mustHop(t, one.addr()).addr.Compare(mustHop(t, two.addr()).addr) > 0 {
			a, b = b, a
		}
		return a + b
	}
	require.Equal(t, "true "+list(true, true), <-changes)
	r.callee = one.callee
	r.refuse("up")

	one.status.Store(0)
	require.Equal(t, "true "+list(false, true), <-changes)
	require.InDelta(t, 1, r.metric("targets_up"), 0)
	r.callee = two.callee
	r.refuse("down")
	down := r.agent.Health()
	for _, h := range down.Targets {
		if !h.Up {
			require.Equal(t, "OPTIONS unanswered", h.Why)
		}
	}

	two.status.Store(503)
	require.Equal(t, "false "+errAllDown.Error()+": "+firstWhy(one, two)+list(false, false), <-changes)
	res := r.result(r.invite(t.Context(), Invite{CallID: "all-down"}))
	require.Equal(t, NotSent, res.End)
	require.Equal(t, avanak.ClassCongestion, res.Class)
	require.True(t, res.Dead)
	require.ErrorIs(t, res.Err, errAllDown)

	one.status.Store(404) // one good answer is enough, and 404 is one
	require.Equal(t, "true "+list(true, false), <-changes)
	r.callee = one.callee
	r.refuse("up-again")
	asked := one.asked.Load()
	require.Eventually(t, func() bool { return one.asked.Load() > asked+3 }, patience, time.Millisecond)
	require.Empty(t, changes, "what does not change is not told")
}

// firstWhy is why the target with the lower address is down.
func firstWhy(one, two *pinged) string {
	if mustHop(one.t, one.addr()).addr.Compare(mustHop(one.t, two.addr()).addr) < 0 {
		return "OPTIONS unanswered"
	}
	return "OPTIONS answered with 503"
}

// refuse places a call that the rig's callee refuses.
func (r *rig) refuse(callID string, avoid ...string) message {
	r.t.Helper()
	out := r.invite(r.t.Context(), Invite{CallID: callID, Avoid: avoid})
	inv := r.next("INVITE")
	r.reply(inv, 486, "Busy Here", "leg1", "")
	require.Equal(r.t, 486, r.result(out).Status)
	r.next("ACK")
	return inv
}

func TestAnswerToOptionsThatIsASignOfLife(t *testing.T) {
	for status, alive := range map[int64]bool{200: true, 403: true, 404: true, 405: true, 483: true, 501: true, 500: false, 503: false} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel() // each waits a while
			p := newPinged(t, status)
			r := newRig(t, func(c *Config) { c.Targets, c.Options = []string{p.addr()}, often })
			if !alive {
				require.Eventually(t, func() bool { return !r.agent.Health().Usable }, patience, time.Millisecond)
				require.Contains(t, r.agent.Health().Why, fmt.Sprintf("OPTIONS answered with %d", status))
				return
			}
			require.Eventually(t, func() bool { return p.asked.Load() > missesToDown+1 }, patience, time.Millisecond)
			require.True(t, r.agent.Health().Usable)
		})
	}
}

func TestTargetThatLeftAnInviteUnansweredComesLastAndIsAskedAtOnce(t *testing.T) {
	one, two := newPinged(t, 0), newPinged(t, 200)
	r := newRig(t, func(c *Config) {
		c.Targets, c.Options, c.FirstResponse = []string{one.addr(), two.addr()}, time.Hour, 100*time.Millisecond
	})
	require.Equal(t, Silent, r.result(r.invite(t.Context(), Invite{CallID: "silent"})).End)
	require.Eventually(t, func() bool { return one.asked.Load() > 0 }, patience, time.Millisecond)
	r.callee = two.callee
	r.refuse("goes-round")
	out := r.invite(t.Context(), Invite{CallID: "only-one-left", Avoid: []string{two.addr()}})
	require.Equal(t, one.addr(), r.result(out).Target, "suspect is better than none")
	res := r.result(r.invite(t.Context(), Invite{CallID: "none-left", Avoid: []string{one.addr(), two.addr()}}))
	require.ErrorIs(t, res.Err, errAllTried)
	require.True(t, res.Dead)
}

func TestSuspectsDoNotKeepTheOthersFromBeingAsked(t *testing.T) {
	one, two := newPinged(t, 0), newPinged(t, 200)
	r := newRig(t, func(c *Config) { c.Targets, c.Options = []string{one.addr(), two.addr()}, often })
	silent := mustHop(t, one.addr()).addr
	ctx, enough := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // calls that one leaves unanswered, without end
		defer close(ended)
		for ctx.Err() == nil {
			r.agent.health.suspect(silent)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	require.Eventually(t, func() bool { return two.asked.Load() >= 2 }, patience, time.Millisecond)
	enough()
	<-ended
}

func TestCarrierThatAnswersNoOptionsIsCalledWhereTheyAreOff(t *testing.T) {
	p := newPinged(t, 0)
	r := newRig(t, func(c *Config) { c.Targets = []string{p.addr()} }) // a rig's are off
	r.callee = p.callee
	for n := range 3 {
		r.refuse(fmt.Sprintf("call-%d", n))
	}
	require.Zero(t, p.asked.Load())
	require.True(t, r.agent.Health().Usable)
}

func TestOptionsAreWellFormed(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Options = often })
	m := r.next("OPTIONS")
	require.Equal(t, "OPTIONS sip:"+r.addr()+" SIP/2.0", m.start)
	require.Equal(t, "application/sdp", m.get("Accept"))
	require.Equal(t, r.agent.Addr().String(), m.from.String(), "from the socket that calls leave from")
	require.True(t, strings.HasPrefix(m.get("Contact"), "<sip:ping@"))
	r.reply(m, 200, "OK", "o", "")
}
