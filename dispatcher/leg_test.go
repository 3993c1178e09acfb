package dispatcher

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// dead is the end of a leg that the trunk refused before anything rang.
func dead(c avanak.Class, target string) avanak.Report {
	now := time.Now()
	r := avanak.Report{Class: c, Dead: true, Target: target, Result: avanak.Result{Outcome: avanak.Congestion, SIP: 503, Started: now},
		Timeline: avanak.Timeline{Invited: now, Ended: now}}
	if c == avanak.ClassFault {
		r.Result.Outcome, r.Result.SIP = avanak.TrunkFault, 403
	}
	return r
}

func heardOut(target string) avanak.Report {
	now := time.Now()
	return avanak.Report{Class: avanak.ClassAnswered, Target: target, Result: avanak.Result{Outcome: avanak.Completed, SIP: 200, Started: now},
		Timeline: avanak.Timeline{Invited: now, Ringing: now, Answered: now, Ended: now}}
}

func trunks(names ...string) []avanak.Trunk {
	var all []avanak.Trunk
	for _, n := range names {
		all = append(all, avanak.Trunk{Name: n, CPS: 500, Channels: 50})
	}
	return all
}

// legEvents lists the Call-IDs of a job's intents and legs in their order, and its closes.
func (r *rig) legEvents(job string) (callIDs []string, closed []avanak.Event) {
	r.t.Helper()
	events, err := r.queue.Events(r.t.Context(), avanak.PartitionOf(job), "", 10000)
	require.NoError(r.t, err)
	for _, e := range events {
		switch {
		case e.Job != job:
		case e.Kind == avanak.EventIntent, e.Kind == avanak.EventLeg:
			callIDs = append(callIDs, e.CallID)
		case e.Kind == avanak.EventClosed:
			closed = append(closed, e)
		}
	}
	return callIDs, closed
}

// DESIGN D3: a further leg of the same attempt, over another trunk; one attempt is charged.
func TestDeadLegIsFollowedByAnother(t *testing.T) {
	r := newRig(t, nil, trunks("t1", "t2")...)
	r.carrier.reply = func(_ context.Context, _ queue.Intent, via avanak.Route) avanak.Report {
		if via.Trunk == "t1" {
			return dead(avanak.ClassCongestion, "127.0.0.1:5060")
		}
		return heardOut("127.0.0.2:5060")
	}
	r.run()
	c := r.campaign(5, nil)
	p := r.done(c)
	require.Equal(t, 5, p.States[avanak.Delivered])
	require.Equal(t, 5, p.Attempts, "legs are not attempts")
	recorded, closed := r.legEvents(c.ID)
	var placed []string
	failed, legs := 0, map[string]int{}
	for _, call := range r.carrier.calls() {
		placed = append(placed, call.intent.CallID())
		legs[avanak.CallID(c.ID, call.intent.Claim().Ordinal, 1)]++
		require.Empty(t, call.tried, "nothing was tried over this trunk")
		if call.trunk == "t1" {
			failed++
			require.Contains(t, recorded, call.intent.CallID()+"-l2")
		}
	}
	require.NotZero(t, failed)
	require.Len(t, recorded, 5+failed)
	require.ElementsMatch(t, recorded, placed, "each leg that left has its record (DESIGN I2)")
	require.Len(t, closed, 5)
	for _, e := range closed {
		require.Equal(t, "t2", e.Trunk)
		require.Equal(t, legs[e.CallID], e.Legs)
	}
	r.stop()
	require.InDelta(t, failed, counter(t, r.d.metrics.legs.WithLabelValues("t1", "congestion")), 0)
	require.InDelta(t, 5, counter(t, r.d.metrics.legs.WithLabelValues("t2", "answered")), 0)
}

func TestFurtherLegs(t *testing.T) {
	targets := func(name string, n int) avanak.Health {
		h := avanak.Health{Trunk: name, Usable: true}
		for i := range n {
			h.Targets = append(h.Targets, avanak.TargetHealth{Up: true,
				Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(5060+i))})
		}
		return h
	}
	next := func(via avanak.Route) string { // the first target that was not tried
		return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(5060+len(via.Tried))).String()
	}
	congested := func(_ int, via avanak.Route) avanak.Report { return dead(avanak.ClassCongestion, next(via)) }
	for name, tt := range map[string]struct {
		trunks []string
		health []avanak.Health
		reply  func(n int, via avanak.Route) avanak.Report
		want   []string // trunks of the legs
		tried  []string // of the last leg
		state  avanak.State
	}{
		"three are all":  {[]string{"a", "b", "c", "d"}, nil, congested, []string{"a", "b", "c"}, nil, avanak.HasFailed},
		"no other trunk": {[]string{"a"}, nil, congested, []string{"a"}, nil, avanak.HasFailed},
		"another target of the same trunk": {[]string{"a"}, []avanak.Health{targets("a", 2)}, congested,
			[]string{"a", "a"}, []string{"127.0.0.1:5060"}, avanak.HasFailed},
		"each target once": {[]string{"a"}, []avanak.Health{targets("a", 5)}, congested,
			[]string{"a", "a", "a"}, []string{"127.0.0.1:5060", "127.0.0.1:5061"}, avanak.HasFailed},
		"a trunk that refuses us has no other target": {[]string{"a", "b"}, []avanak.Health{targets("a", 5)},
			func(int, avanak.Route) avanak.Report { return dead(avanak.ClassFault, "127.0.0.1:5060") },
			[]string{"a", "b"}, nil, avanak.RetryWait}, // our settings are not the recipient's fault
		"a trunk that is down is passed over": {[]string{"a", "b", "c"}, []avanak.Health{{Trunk: "b"}}, congested,
			[]string{"a", "c"}, nil, avanak.HasFailed},
		"a leg that is not known dead": {[]string{"a", "b"}, nil, func(_ int, via avanak.Route) avanak.Report {
			r := congested(0, via)
			r.Dead = false
			return r
		}, []string{"a"}, nil, avanak.HasFailed},
		"silence, whatever it says of itself": {[]string{"a", "b"}, nil, func(_ int, via avanak.Route) avanak.Report {
			r := congested(0, via)
			r.Class, r.Result.Outcome = avanak.ClassSilent, avanak.Uncertain
			return r
		}, []string{"a"}, nil, avanak.IsUncertain},
		"a callee's word": {[]string{"a", "b"}, nil, func(_ int, via avanak.Route) avanak.Report {
			r := congested(0, via)
			r.Class, r.Result.Outcome = avanak.ClassAway, avanak.Busy
			return r
		}, []string{"a"}, nil, avanak.WasBusy},
		"the second leg is the callee's": {[]string{"a", "b", "c"}, nil, func(n int, via avanak.Route) avanak.Report {
			if n == 1 {
				return congested(n, via)
			}
			return heardOut("127.0.0.1:5060")
		}, []string{"a", "b"}, nil, avanak.Delivered},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil, trunks(tt.trunks...)...)
			var n atomic.Int64
			r.carrier.reply = func(_ context.Context, _ queue.Intent, via avanak.Route) avanak.Report {
				return tt.reply(int(n.Add(1)), via)
			}
			for _, h := range tt.health {
				r.d.Heed(h)
			}
			r.run()
			c := r.campaign(1, nil)
			r.eventually(func() bool { return r.progress(c).States[tt.state] == 1 }, "settled")
			var got []string
			calls := r.carrier.calls()
			for i, call := range calls {
				got = append(got, call.trunk)
				require.Equal(t, i+1, call.intent.Leg())
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.tried, calls[len(calls)-1].tried)
			recorded, closed := r.legEvents(c.ID)
			require.Len(t, recorded, len(tt.want))
			require.Len(t, closed, 1)
			require.Equal(t, len(tt.want), closed[0].Legs)
			r.stop()
		})
	}
}

// Between two legs of an attempt, the world may change.
func TestLegIsNotPlaced(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(r *rig, c avanak.Campaign)
		heal   func(r *rig)
		state  avanak.State
		reason string
	}{
		"paused":    {func(r *rig, c avanak.Campaign) { r.setRun(c, avanak.Paused) }, nil, avanak.HasFailed, "paused"},
		"cancelled": {func(r *rig, c avanak.Campaign) { r.setRun(c, avanak.CancelledRun) }, nil, avanak.HasFailed, "cancelled"},
		"window closed": {func(r *rig, c avanak.Campaign) {
			closed := c
			closed.Window = avanak.Window{To: 1440, Zone: "Asia/Nowhere"} // so that no upkeep opens it again
			r.d.known.Store(c.ID, closed)
			require.NoError(r.t, r.queue.OpenWindow(r.t.Context(), c.ID, time.Unix(0, 0), time.Unix(0, 0)))
		}, nil, avanak.HasFailed, "window"},
		"suppressed":       {func(r *rig, _ avanak.Campaign) { r.list.set(nil, number(1)) }, nil, avanak.IsSuppressed, "suppressed"},
		"the list is away": {func(r *rig, _ avanak.Campaign) { r.list.set(errAway) }, nil, avanak.HasFailed, ""},
		"the lease is lost": {func(r *rig, _ avanak.Campaign) {
			for _, l := range r.d.held.list() {
				r.d.held.drop(l)
			}
		}, nil, avanak.HasFailed, ""},
		"the other trunk went down": {func(r *rig, _ avanak.Campaign) {
			r.d.Heed(avanak.Health{Trunk: "t2"})
		}, nil, avanak.HasFailed, "no_leg"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil, trunks("t1", "t2")...)
			var c avanak.Campaign
			made := make(chan struct{})
			r.carrier.reply = func(_ context.Context, i queue.Intent, via avanak.Route) avanak.Report {
				<-made
				if i.Leg() == 1 {
					tt.change(r, c)
				}
				return dead(avanak.ClassCongestion, "127.0.0.1:5060")
			}
			r.run()
			c = r.campaign(1, nil)
			close(made)
			r.eventually(func() bool { return r.progress(c).States[tt.state] == 1 }, "settled with what it has")
			require.Len(t, r.carrier.calls(), 1)
			recorded, closed := r.legEvents(c.ID)
			require.Len(t, recorded, 1)
			require.Len(t, closed, 1)
			require.Equal(t, "t1", closed[0].Trunk)
			if tt.reason != "" {
				require.NotZero(t, counter(t, r.d.metrics.refused.WithLabelValues(tt.reason)))
			}
			r.stop()
		})
	}
}

// A leg whose record's answer is lost is recorded once, and placed.
func TestLegOutlastsARedisOutage(t *testing.T) {
	r := newRig(t, nil, trunks("t1", "t2")...)
	r.d.cfg.Stale = 20 * time.Second
	r.carrier.reply = func(_ context.Context, i queue.Intent, _ avanak.Route) avanak.Report {
		if i.Leg() == 1 {
			r.mini.SetError("LOADING Redis is loading the dataset in memory")
			return dead(avanak.ClassCongestion, "127.0.0.1:5060")
		}
		return heardOut("127.0.0.1:5060")
	}
	r.run()
	c := r.campaign(1, nil)
	failed := r.d.metrics.errors.WithLabelValues("leg")
	r.eventually(func() bool { return counter(t, failed) >= 1 }, "it was tried")
	r.mini.SetError("")
	require.Equal(t, 1, r.done(c).States[avanak.Delivered])
	recorded, _ := r.legEvents(c.ID)
	require.Len(t, recorded, 2)
}

// The gate holds a further leg back: it takes nothing from the one before.
func TestHeldLegLeavesTheReportOfTheOneBefore(t *testing.T) {
	a := &attempt{}
	first := dead(avanak.ClassCongestion, "127.0.0.1:5060")
	first.Trunk = "a"
	a.ended(first, nil)
	require.True(t, a.open)
	a.ended(avanak.Report{Trunk: "b", Dead: true, Class: avanak.ClassUs, Result: avanak.Result{Outcome: avanak.Congestion}}, errStale)
	require.False(t, a.open)
	require.Equal(t, first, a.report)
	require.Equal(t, 1, a.dialogs)
	require.Len(t, a.legs, 2)

	second := heardOut("127.0.0.2:5060")
	second.Trunk = "c"
	a.ended(second, nil)
	require.Equal(t, second, a.report, "t2 and what follows are of one dialog")
	require.Equal(t, 2, a.dialogs)

	a = &attempt{}
	a.ended(first, nil)
	a.ended(avanak.Report{Trunk: "b", Result: avanak.Result{Outcome: avanak.Congestion}}, errSuppressed)
	require.Equal(t, avanak.Suppressed, a.report.Result.Outcome)
	require.Equal(t, first.Timeline, a.report.Timeline)
	require.False(t, a.open)
}

func TestNoLegAfterTheDrainHasBegun(t *testing.T) {
	r := newRig(t, nil, trunks("t1", "t2")...)
	release := make(chan struct{})
	r.carrier.reply = func(context.Context, queue.Intent, avanak.Route) avanak.Report {
		<-release
		return dead(avanak.ClassCongestion, "127.0.0.1:5060")
	}
	r.run()
	c := r.campaign(1, nil)
	r.eventually(func() bool { return r.carrier.live.Load() == 1 }, "the call is up")
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	<-r.d.plan.over
	close(release)
	<-stopped
	require.Len(t, r.carrier.calls(), 1)
	require.Equal(t, 1, r.progress(c).States[avanak.HasFailed])
}

// RFC 8197: whoever wants no more calls of this kind gets none, of nobody, whatever becomes of Redis.
func TestUnwantedNumberIsSuppressed(t *testing.T) {
	r := newRig(t, nil)
	r.carrier.reply = func(_ context.Context, i queue.Intent, _ avanak.Route) avanak.Report {
		r.list.set(avanak.ErrUnavailable)
		report := heardOut("127.0.0.1:5060")
		report.Class, report.Result.Outcome, report.Result.SIP = avanak.ClassUnwanted, avanak.Unwanted, 607
		return report
	}
	r.run()
	c := r.campaign(1, func(c *avanak.Campaign) { c.Retry = avanak.DefaultRetry() })
	r.eventually(func() bool { return r.list.additions() >= 2 }, "it is tried again")
	require.Equal(t, 1, r.progress(c).States[avanak.Dialling], "the attempt is not closed before the number is safe")
	r.list.set(nil)
	p := r.done(c)
	require.Equal(t, 1, p.States[avanak.WasRejected])
	require.Equal(t, 1, p.Attempts)
	suppressed, err := r.list.Has(t.Context(), number(1))
	require.NoError(t, err)
	require.True(t, suppressed)
	require.InDelta(t, 1, counter(t, r.d.metrics.unwanted), 0)
	require.Equal(t, 1, r.done(r.campaign(1, nil)).States[avanak.IsSuppressed], "by no campaign")
	require.Len(t, r.carrier.calls(), 1)
}

// A list that will not have the number must not keep the attempt open.
func TestUnwantedNumberThatTheListRefuses(t *testing.T) {
	r := newRig(t, nil)
	r.carrier.reply = func(context.Context, queue.Intent, avanak.Route) avanak.Report {
		r.list.set(errAway)
		report := heardOut("127.0.0.1:5060")
		report.Class, report.Result.Outcome = avanak.ClassUnwanted, avanak.Unwanted
		return report
	}
	r.run()
	require.Equal(t, 1, r.done(r.campaign(1, nil)).States[avanak.WasRejected])
	require.InDelta(t, 1, counter(t, r.d.metrics.errors.WithLabelValues("unwanted")), 0)
}

func TestFastMessageGoesOnOverAnotherTrunk(t *testing.T) {
	r := newRig(t, nil, trunks("t1", "t2")...)
	r.carrier.reply = func(_ context.Context, _ queue.Intent, via avanak.Route) avanak.Report {
		if via.Trunk == "t1" {
			return dead(avanak.ClassFault, "127.0.0.1:5060")
		}
		return heardOut("127.0.0.2:5060")
	}
	r.run()
	m := r.message(nil)
	var st avanak.MessageStatus
	r.eventually(func() bool {
		var err error
		st, err = r.queue.Message(t.Context(), m.ID)
		require.NoError(t, err)
		return st.State == avanak.Delivered
	}, "heard")
	require.Equal(t, 1, st.Attempts)
	calls := r.carrier.calls()
	require.Len(t, calls, 2)
	require.False(t, st.Timeline.Invited.Before(calls[1].at.Truncate(time.Millisecond)), "t2 is the INVITE of the answered leg")
	require.Equal(t, m.Accepted.UnixMilli(), st.Timeline.Accepted.UnixMilli(), "and t0 is that of the message")
	recorded, _ := r.legEvents(m.ID)
	require.Equal(t, []string{m.ID + "-0-1", m.ID + "-0-1-l2"}, recorded)
}
