package dispatcher

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// ends reports the outcome of every call that was started and not reported yet.
func (b *bench) ends(reported int, o avanak.Outcome) int {
	for range b.started[reported:] {
		r := avanak.Report{Result: avanak.Result{Outcome: o}, Timeline: avanak.Timeline{Invited: time.Now()}}
		b.freed(b.d.trunks[0], r)
	}
	b.read(time.Now())
	return len(b.started)
}

// A carrier that was cut off must not end a campaign of people who were never called.
func TestDeadTrunkIsLeftAlone(t *testing.T) {
	for _, o := range []avanak.Outcome{avanak.Uncertain, avanak.Congestion, avanak.TrunkFault} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, avanak.Trunk{Name: "a", CPS: 100, Channels: 50})
			b.feed("c1", 1000, false)
			reported := 0
			for range 100 { // ten seconds in which every call fails at once
				b.run(100 * time.Millisecond)
				reported = b.ends(reported, o)
			}
			require.Less(t, len(b.started), 3*breakAfter)
			before := len(b.started)
			b.run(time.Minute)
			require.Len(t, b.started, before+1, "one call probes it, and its end is awaited")
			b.ends(reported, o)
			b.run(breakFor / 2)
			require.Len(t, b.started, before+1, "it is still dead")
			b.run(breakFor)
			require.Len(t, b.started, before+2)
			b.ends(before+1, avanak.Busy)
			b.run(time.Second)
			require.Greater(t, len(b.started), before+20, "a callee has spoken: the trunk works")
		})
	}
}

func TestCalleesOutcomesNeverBreakATrunk(t *testing.T) {
	for _, o := range []avanak.Outcome{avanak.Busy, avanak.NoAnswer, avanak.Rejected, avanak.Unwanted, avanak.InvalidNumber,
		avanak.Failed, avanak.Completed} {
		var b breaker
		for range 5 * breakAfter {
			b.ended(time.Now(), avanak.Report{Result: avanak.Result{Outcome: o}, Timeline: avanak.Timeline{Invited: time.Now()}})
		}
		_, open := b.open(time.Now())
		require.False(t, open, o)
	}
	var b breaker
	for range 5 * breakAfter { // our own faults, with nothing sent
		b.ended(time.Now(), avanak.Report{Result: avanak.Result{Outcome: avanak.Congestion}})
	}
	_, open := b.open(time.Now())
	require.False(t, open)
}

// The probe's number was suppressed, or its campaign paused: nothing left, so the next call must be the probe.
func TestProbeThatIsNotSentLeavesTheTurnToTheNext(t *testing.T) {
	var b breaker
	now := time.Now()
	for range breakAfter {
		b.ended(now, avanak.Report{Result: avanak.Result{Outcome: avanak.Congestion}, Timeline: avanak.Timeline{Invited: now}})
	}
	now = now.Add(breakFor)
	_, open := b.open(now)
	require.False(t, open)
	b.took()
	_, open = b.open(now)
	require.True(t, open, "one probe at a time")
	b.ended(now, avanak.Report{})
	_, open = b.open(now)
	require.False(t, open)
}
