package dispatcher

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

func TestEachRecipientIsCalledOnce(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	c := r.campaign(200, nil)
	p := r.done(c)
	require.Equal(t, 200, p.States[avanak.Delivered])
	require.Equal(t, 200, p.Attempts)
	seen := map[string]bool{}
	for _, call := range r.carrier.calls() {
		require.False(t, seen[call.intent.CallID()], "a Call-ID was used twice")
		seen[call.intent.CallID()] = true
		require.Equal(t, number(int(call.intent.Claim().Ordinal)+1), call.intent.Claim().Number)
	}
	require.Len(t, seen, 200)
}

func TestChannelsAreACap(t *testing.T) {
	r := newRig(t, nil, avanak.Trunk{Name: "t1", CPS: 500, Channels: 3})
	r.carrier.answer = func(ctx context.Context, _ queue.Intent) avanak.Outcome {
		sleep(ctx, 20*time.Millisecond)
		return avanak.Completed
	}
	r.run()
	r.done(r.campaign(60, nil))
	require.Equal(t, int64(3), r.carrier.most.Load())
}

func TestRetriesFollowTheOutcome(t *testing.T) {
	r := newRig(t, nil)
	r.carrier.answer = func(_ context.Context, i queue.Intent) avanak.Outcome {
		switch {
		case i.Claim().Ordinal == 0 && i.Attempt() == 1:
			return avanak.Busy
		case i.Claim().Ordinal == 1:
			return avanak.NoAnswer // no retry by this policy
		}
		return avanak.Completed
	}
	r.run()
	c := r.campaign(3, func(c *avanak.Campaign) { c.Retry = avanak.RetryPolicy{MaxAttempts: 2, Busy: time.Second} })
	p := r.done(c)
	require.Equal(t, 2, p.States[avanak.Delivered])
	require.Equal(t, 1, p.States[avanak.NotAnswered])
	require.Equal(t, 4, p.Attempts)
}

func TestSuppressedAndUncallableNumbersNeverReachTheCarrier(t *testing.T) {
	r := newRig(t, nil)
	r.list.set(nil, number(2))
	r.run()
	c := r.campaign(3, nil)
	p := r.done(c)
	require.Equal(t, 1, p.States[avanak.IsSuppressed])
	for _, call := range r.carrier.calls() {
		require.NotEqual(t, number(2), call.intent.Claim().Number)
	}
	require.False(t, r.d.mayCall(t.Context(), queue.Claim{Job: c.ID, Number: 98_110}), "an emergency number, however it got in")
}

func TestNobodyIsCalledWhileTheListIsAway(t *testing.T) {
	r := newRig(t, nil)
	r.list.set(errAway)
	r.run()
	c := r.campaign(5, nil)
	tried := r.d.metrics.errors.WithLabelValues("suppression")
	r.eventually(func() bool { return counter(t, tried) >= 5 }, "calls were tried")
	require.Empty(t, r.carrier.calls())
	require.Zero(t, r.progress(c).Attempts, "no intent either")
	r.list.set(nil)
	require.Equal(t, 5, r.done(c).States[avanak.Delivered])
}

// TestSuppressionWhileTheGateHolds is DESIGN I7 at its worst: the number is suppressed after the intent.
func TestSuppressionWhileTheGateHolds(t *testing.T) {
	r := newRig(t, nil, avanak.Trunk{Name: "t1", CPS: 1, Channels: 5})
	gate := r.d.trunks[0].gate
	require.NoError(t, gate.Pass(t.Context(), open)) // the next INVITE must wait a second
	r.run()
	c := r.campaign(1, nil)
	r.eventually(func() bool { return r.progress(c).Attempts == 1 }, "the intent is recorded")
	r.list.set(nil, number(1))
	p := r.done(c)
	require.Equal(t, 1, p.States[avanak.IsSuppressed])
	require.Empty(t, r.carrier.calls())
}

func TestFastMessageIsCalledWhileACampaignRuns(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Look = 10 * time.Second }, avanak.Trunk{Name: "t1", CPS: 20, Channels: 50})
	r.run()
	r.campaign(1000, nil)
	r.eventually(func() bool { return len(r.carrier.calls()) > 3 }, "the campaign runs")
	m := r.message(nil)
	r.eventually(func() bool {
		st, err := r.queue.Message(t.Context(), m.ID)
		require.NoError(t, err)
		return st.State == avanak.Delivered
	}, "woken up, not found by a look")
	after := 0
	for _, call := range r.carrier.calls() {
		if call.at.After(m.Accepted) && call.intent.Claim().Lane == avanak.Bulk {
			after++
		}
		if call.intent.Claim().Job == m.ID {
			break
		}
	}
	require.LessOrEqual(t, after, 4, "it goes before the campaign's waiting claims")
}

func TestExpiredMessageIsNotCalled(t *testing.T) {
	r := newRig(t, nil)
	m := r.message(func(m *avanak.Message) {
		m.Accepted, m.Expires = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute)
	})
	r.run()
	r.eventually(func() bool {
		st, err := r.queue.Message(t.Context(), m.ID)
		require.NoError(t, err)
		return st.State == avanak.HasExpired
	}, "closed")
	require.Empty(t, r.carrier.calls())
}

func TestPauseAndResume(t *testing.T) {
	r := newRig(t, nil, avanak.Trunk{Name: "t1", CPS: 100, Channels: 50})
	r.run()
	c := r.campaign(300, nil)
	r.eventually(func() bool { return len(r.carrier.calls()) > 10 }, "it runs")
	r.setRun(c, avanak.Paused)
	at := r.progress(c).Attempts // no intent after the pause (DESIGN I6)
	r.eventually(func() bool { return r.progress(c).InFlight == 0 }, "claims are given back")
	require.Equal(t, at, r.progress(c).Attempts)
	r.setRun(c, avanak.Running)
	require.Equal(t, 300, r.done(c).States[avanak.Delivered])
}

func TestClosedWindowStopsACampaign(t *testing.T) {
	r := newRig(t, nil)
	now := time.Now().UTC()
	minute := now.Hour()*60 + now.Minute()
	window := avanak.Window{From: (minute + 720) % 1439, To: (minute+720)%1439 + 1, Zone: "UTC"}
	r.run()
	c := r.campaign(5, func(c *avanak.Campaign) { c.Window = window })
	closed := r.d.metrics.refused.WithLabelValues("window")
	r.eventually(func() bool { return counter(t, closed) > 0 }, "it was tried")
	require.Empty(t, r.carrier.calls())
	require.Equal(t, 5, r.progress(c).States[avanak.Pending])
}

func TestDrainLetsCallsEndAndGivesClaimsBack(t *testing.T) {
	r := newRig(t, nil, avanak.Trunk{Name: "t1", CPS: 500, Channels: 10})
	release := make(chan struct{})
	r.carrier.answer = func(context.Context, queue.Intent) avanak.Outcome {
		<-release
		return avanak.Completed
	}
	r.run()
	c := r.campaign(100, nil)
	r.eventually(func() bool { return r.carrier.live.Load() == 10 }, "all channels are in use")
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	r.eventually(func() bool { return r.progress(c).InFlight == 10 }, "only running calls hold a lease")
	close(release)
	<-stopped
	p := r.progress(c)
	require.Equal(t, 10, p.States[avanak.Delivered])
	require.Equal(t, 90, p.States[avanak.Pending])
	require.Zero(t, p.InFlight)
	require.Equal(t, 10, p.Attempts)
}

func TestDrainLimitEndsCalls(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Drain = 100 * time.Millisecond })
	r.carrier.answer = func(ctx context.Context, _ queue.Intent) avanak.Outcome {
		<-ctx.Done()
		return avanak.Partial
	}
	r.run()
	c := r.campaign(3, nil)
	r.eventually(func() bool { return r.carrier.live.Load() == 3 }, "calls are up")
	r.stop()
	p := r.progress(c)
	require.Equal(t, 3, p.States[avanak.PartlyHeard], "settled, not left uncertain")
	require.Equal(t, avanak.Done, p.Run)
}

func TestSettlementOutlastsARedisOutage(t *testing.T) {
	r := newRig(t, nil)
	answer := make(chan struct{})
	r.carrier.answer = func(context.Context, queue.Intent) avanak.Outcome {
		<-answer
		return avanak.Completed
	}
	r.run()
	c := r.campaign(4, nil)
	r.eventually(func() bool { return r.carrier.live.Load() == 4 }, "calls are up")
	r.mini.SetError("LOADING Redis is loading the dataset in memory")
	close(answer)
	failed := r.d.metrics.errors.WithLabelValues("settle")
	r.eventually(func() bool { return counter(t, failed) >= 4 }, "settlements fail")
	r.mini.SetError("")
	require.Equal(t, 4, r.done(c).States[avanak.Delivered])
	require.Len(t, r.carrier.calls(), 4)
}

func TestLostLeaseIsNotDialled(t *testing.T) {
	r := newRig(t, nil)
	c := r.campaign(1, nil)
	claims, err := r.queue.Claim(t.Context(), c, 1)
	require.NoError(t, err)
	cl := claims[0]
	intent, err := r.queue.Dial(t.Context(), cl)
	require.NoError(t, err)
	require.True(t, intent.Valid())
	now := time.Now()
	require.ErrorIs(t, r.d.lastGate(t.Context(), r.d.trunks[0], cl, now, now), errStale, "not ours as far as we know")
	r.d.held.add(cl.Held())
	require.NoError(t, r.d.lastGate(t.Context(), r.d.trunks[0], cl, now, now))
	old := now.Add(-r.d.cfg.Stale - time.Second)
	require.ErrorIs(t, r.d.lastGate(t.Context(), r.d.trunks[0], cl, now, old), errStale, "the process stood still")
}

func TestTwoNodesShareACampaign(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	c := r.campaign(300, nil)
	other := &rig{t: t, mini: r.mini, queue: r.queue, carrier: &carrier{}, list: r.list}
	second := newRig(t, nil)
	other.d = second.d
	other.d.jobs, other.d.caller = r.queue, other.carrier
	other.run()
	require.Equal(t, 300, r.done(c).States[avanak.Delivered])
	seen := map[string]bool{}
	for _, call := range append(r.carrier.calls(), other.carrier.calls()...) {
		require.False(t, seen[call.intent.CallID()])
		seen[call.intent.CallID()] = true
	}
	require.Len(t, seen, 300)
}

func TestRetryAtSpreadsAndHonoursRetryAfter(t *testing.T) {
	r := newRig(t, nil)
	c := r.campaign(1, func(c *avanak.Campaign) {
		c.Retry = avanak.RetryPolicy{MaxAttempts: 2, Busy: 10 * time.Second, Congestion: time.Second}
		c.OnUncertain = avanak.Redial
		c.Ring = 7 * time.Second
	})
	claims, err := r.queue.Claim(t.Context(), c, 1)
	require.NoError(t, err)
	i, err := r.queue.Dial(t.Context(), claims[0])
	require.NoError(t, err)
	within := func(o avanak.Outcome, after, low, high time.Duration) {
		t.Helper()
		wait := time.Until(r.d.retryAt(i, avanak.Report{Result: avanak.Result{Outcome: o}, RetryAfter: after,
			Timeline: avanak.Timeline{Invited: time.Now()}}))
		require.Greater(t, wait, low-time.Second)
		require.Less(t, wait, high+time.Second)
	}
	within(avanak.Busy, 0, 10*time.Second, 11*time.Second)
	within(avanak.Congestion, 30*time.Second, 30*time.Second, 33*time.Second)
	within(avanak.Congestion, 100*time.Hour, 5*time.Minute, 330*time.Second)
	within(avanak.Uncertain, 0, 3*time.Minute, 3*time.Minute)
	r.d.cfg.Redial = time.Second
	within(avanak.Uncertain, 0, 7*time.Second, 7*time.Second)
	ours := avanak.Report{Result: avanak.Result{Outcome: avanak.Congestion}}
	require.Greater(t, time.Until(r.d.retryAt(i, ours)), notSentWait-time.Second, "nothing left: our fault, our patience")
	require.True(t, r.d.retryAt(i, avanak.Report{Result: avanak.Result{Outcome: avanak.Rejected}}).IsZero())
	require.True(t, r.d.retryAt(i, avanak.Report{Result: avanak.Result{Outcome: avanak.Completed}}).IsZero())
}

func TestDrainEndsWhileRedisIsAway(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Drain = 100 * time.Millisecond })
	answer := make(chan struct{})
	r.carrier.answer = func(context.Context, queue.Intent) avanak.Outcome {
		<-answer
		return avanak.Completed
	}
	r.run()
	r.campaign(2, nil)
	r.eventually(func() bool { return r.carrier.live.Load() == 2 }, "calls are up")
	r.mini.SetError("LOADING Redis is loading the dataset in memory")
	close(answer)
	r.stop() // the rig gives Run a minute
	r.mini.SetError("")
}

// DESIGN I7: an answer of the list is as old as its question, however long it was on its way.
func TestSlowSuppressionAnswerIsNotTrusted(t *testing.T) {
	r := newRig(t, nil)
	c := r.campaign(1, nil)
	claims, err := r.queue.Claim(t.Context(), c, 1)
	require.NoError(t, err)
	r.d.held.add(claims[0].Held())
	r.d.suppressed = slowList{}
	now := time.Now()
	require.ErrorIs(t, r.d.lastGate(t.Context(), r.d.trunks[0], claims[0], now.Add(-recheck-time.Second), now), errStale)
}

// slowList says no, late.
type slowList struct{}

func (slowList) Add(context.Context, ...avanak.Number) error { return nil }

func (slowList) Has(ctx context.Context, _ avanak.Number) (bool, error) {
	sleep(ctx, recheck+50*time.Millisecond)
	return false, nil
}

func TestAgeCountsAHostsSleep(t *testing.T) {
	require.Greater(t, age(time.Now().Round(0).Add(-time.Hour)), 59*time.Minute)
	require.Less(t, age(time.Now()), time.Minute)
}
