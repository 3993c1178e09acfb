package dispatcher

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

func TestHeartbeatsKeepALongCallsLease(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Heartbeat, c.Reap = 100*time.Millisecond, 100*time.Millisecond })
	hold := make(chan struct{})
	r.carrier.answer = func(context.Context, queue.Intent) avanak.Outcome {
		<-hold
		return avanak.Completed
	}
	r.run()
	c := r.campaign(2, nil)
	r.eventually(func() bool { return r.carrier.live.Load() == 2 }, "calls are up")
	// The lease would be over several times while Redis' clock runs on; each step leaves time for a heartbeat.
	for range 5 {
		renewed := r.renewals()
		r.mini.SetTime(r.redisTime().Add(queue.DefaultConfig().DialTTL - 2*time.Second))
		r.eventually(func() bool { return r.renewals() > renewed }, "renewed")
	}
	close(hold)
	require.Equal(t, 2, r.done(c).States[avanak.Delivered])
}

// A node that fell silent in the middle of a call leaves it uncertain; one that had only claimed leaves it untouched.
func TestLeasesOfASilentNodeAreTakenUp(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Heartbeat, c.Reap = 100*time.Millisecond, 100*time.Millisecond })
	c := r.campaign(2, nil)
	claims, err := r.queue.Claim(t.Context(), c, 2)
	require.NoError(t, err)
	_, err = r.queue.Dial(t.Context(), claims[0])
	require.NoError(t, err)
	r.mini.SetTime(time.Now().Add(queue.DefaultConfig().DialTTL + time.Second))
	r.run()
	p := r.done(c)
	require.Equal(t, 1, p.States[avanak.IsUncertain])
	require.Equal(t, 1, p.States[avanak.Delivered])
	require.Len(t, r.carrier.calls(), 1)
}

func TestNoLeaseIsTakenUpRightAfterAnOutage(t *testing.T) {
	r := newRig(t, nil)
	require.True(t, r.d.settledSince(), "nothing known against it")
	r.d.faulted()
	require.False(t, r.d.settledSince())
	r.d.fault.Store(new(time.Now().Add(-2 * r.d.cfg.Heartbeat)))
	require.True(t, r.d.settledSince())
}

func TestUpkeepOpensAndClosesWindows(t *testing.T) {
	r := newRig(t, nil)
	c := r.campaign(1, nil)
	_, err := r.queue.Claim(t.Context(), c, 0)
	require.NoError(t, err)
	closed := c
	closed.Window = avanak.Window{To: 1440, Zone: "Asia/Nowhere"} // a record from a machine with other zone data
	r.d.known.Store(c.ID, closed)
	require.NoError(t, r.d.upkeep(t.Context(), time.Now(), false, true))
	_, err = r.queue.Claim(t.Context(), c, 1)
	require.ErrorIs(t, err, queue.ErrWindowClosed, "no window, no call")
	r.d.known.Store(c.ID, c)
	require.NoError(t, r.d.upkeep(t.Context(), time.Now(), false, false))
	claims, err := r.queue.Claim(t.Context(), c, 1)
	require.NoError(t, err)
	require.Len(t, claims, 1)
}

// A process that was stopped and continued, or a clock that was set forward: Redis was never away, and all of the node's
// leases are over at once.
func TestANodeDoesNotTakeUpItsOwnCalls(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Heartbeat, c.Reap = time.Minute, 100*time.Millisecond })
	hold := make(chan struct{})
	r.carrier.answer = func(context.Context, queue.Intent) avanak.Outcome {
		<-hold
		return avanak.Completed
	}
	r.run()
	c := r.campaign(2, func(c *avanak.Campaign) { c.OnUncertain, c.Retry.MaxAttempts = avanak.Redial, 2 })
	r.eventually(func() bool { return r.carrier.live.Load() == 2 }, "calls are up")
	r.d.fault.Store(nil)
	r.mini.SetTime(time.Now().Add(queue.DefaultConfig().DialTTL + time.Second))
	before := r.renewals()
	r.eventually(func() bool { return r.renewals() > before }, "the reaper has been by, and renewed first")
	require.Equal(t, 2, r.progress(c).States[avanak.Dialling])
	close(hold)
	require.Equal(t, 2, r.done(c).States[avanak.Delivered])
	require.Len(t, r.carrier.calls(), 2)
}
