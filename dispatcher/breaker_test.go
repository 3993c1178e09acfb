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
	for _, s := range b.started[reported:] {
		now := time.Now()
		b.freed(s.permit, avanak.Report{Trunk: s.trunk, Result: avanak.Result{Outcome: o},
			Timeline: avanak.Timeline{Invited: now, Ended: now}})
	}
	b.read(time.Now())
	return len(b.started)
}

// A carrier that was cut off must not end a campaign of people who were never called (reliability.md T1).
func TestDeadTrunkIsLeftAlone(t *testing.T) {
	for _, o := range []avanak.Outcome{avanak.Uncertain, avanak.Congestion} {
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
			b.run(5 * time.Second)
			require.Greater(t, len(b.started), before+20, "a callee has spoken: the trunk works")
		})
	}
}

// end is one call's end, some time after the one before it.
type end struct {
	class avanak.Class
	sip   int
	asks  time.Duration // Retry-After
	probe bool
	old   bool // the callee spoke before the row of failures began
}

func (e end) report(now time.Time) avanak.Report {
	said := now
	if e.old {
		said = now.Add(-time.Hour)
	}
	return avanak.Report{Class: e.class, RetryAfter: e.asks, Result: avanak.Result{SIP: e.sip},
		Timeline: avanak.Timeline{Invited: said, Ended: said}}
}

func times(n int, e end) []end {
	all := make([]end, n)
	for i := range all {
		all[i] = e
	}
	return all
}

func TestBreaker(t *testing.T) {
	var (
		congested = end{class: avanak.ClassCongestion, sip: 503}
		silent    = end{class: avanak.ClassSilent}
		refused   = end{class: avanak.ClassFault, sip: 403}
		password  = end{class: avanak.ClassFault, sip: 401}
		proxy     = end{class: avanak.ClassFault, sip: 407}
		busy      = end{class: avanak.ClassAway, sip: 486}
		ours      = end{class: avanak.ClassUs}
		heard     = end{class: avanak.ClassAnswered, old: true}
		asking    = end{class: avanak.ClassCongestion, sip: 503, asks: 40 * time.Second}
	)
	row := func(parts ...[]end) (all []end) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	probe := func(e end) []end { e.probe = true; return []end{e} }
	for name, tt := range map[string]struct {
		ends []end
		want mode
		rest time.Duration // at least; a tenth more at most
	}{
		"nine failures":                       {times(breakAfter-1, congested), modeFlowing, 0},
		"ten failures":                        {times(breakAfter, congested), modeResting, breakFor},
		"ten silences":                        {times(breakAfter, silent), modeResting, breakFor},
		"both in a row":                       {row(times(5, silent), times(5, congested)), modeResting, breakFor},
		"a callee in between":                 {row(times(9, silent), times(1, busy), times(9, silent)), modeFlowing, 0},
		"what a callee said before the row":   {row(times(9, silent), times(1, heard), times(1, silent)), modeResting, breakFor},
		"ours in between":                     {row(times(9, silent), times(9, ours), times(1, silent)), modeResting, breakFor},
		"one that asks for a rest":            {times(1, asking), modeResting, 40 * time.Second},
		"one that asks for a day":             {times(1, end{class: avanak.ClassCongestion, asks: 24 * time.Hour}), modeResting, maxRest},
		"one that asks, of a callee":          {times(1, end{class: avanak.ClassAway, sip: 480, asks: time.Minute}), modeFlowing, 0},
		"ten that ask for less":               {times(breakAfter, end{class: avanak.ClassCongestion, asks: time.Second}), modeResting, breakFor},
		"a rest is never shortened":           {row(times(1, asking), times(1, end{class: avanak.ClassCongestion, asks: time.Second})), modeResting, 40 * time.Second},
		"a callee who was called before":      {row(times(breakAfter, congested), times(1, busy)), modeResting, breakFor},
		"a probe that fails":                  {row(times(breakAfter, congested), probe(congested)), modeResting, breakFor},
		"a probe that is asked for more":      {row(times(breakAfter, congested), probe(asking)), modeResting, 40 * time.Second},
		"a probe with a callee's word":        {row(times(breakAfter, congested), probe(busy)), modeFlowing, 0},
		"a probe that was not sent":           {row(times(breakAfter, congested), probe(ours)), modeResting, breakFor},
		"a probe that is refused":             {row(times(breakAfter, congested), probe(refused)), modeResting, breakFor},
		"a probe with the wrong password":     {row(times(breakAfter, congested), probe(password)), modePaused, pauseFor},
		"a wrong password":                    {times(1, password), modePaused, pauseFor},
		"a wrong password at a proxy":         {times(1, proxy), modePaused, pauseFor},
		"four refusals":                       {times(pauseAfter-1, refused), modeFlowing, 0},
		"five refusals":                       {times(pauseAfter, refused), modePaused, pauseFor},
		"a callee between refusals":           {row(times(4, refused), times(1, busy), times(4, refused)), modeFlowing, 0},
		"refusals that were on their way":     {times(50, password), modePaused, pauseFor},
		"paused, and refused again":           {row(times(1, password), probe(password)), modePaused, 2 * pauseFor},
		"paused, and refused for ever":        {row(times(1, password), times(10, probe(password)[0])), modePaused, maxPause},
		"paused, and congested":               {row(times(1, password), probe(congested)), modePaused, pauseFor},
		"paused, and a callee's word":         {row(times(1, password), probe(busy)), modeFlowing, 0},
		"paused, and an old callee's word":    {row(times(1, password), times(1, busy)), modePaused, pauseFor},
		"mended, and the password is changed": {row(times(1, password), probe(password), probe(busy), times(1, password)), modePaused, pauseFor},
	} {
		t.Run(name, func(t *testing.T) {
			var b breaker
			now := time.Now()
			for _, e := range tt.ends {
				b.ended(now, e.probe, e.report(now))
			}
			require.Equal(t, tt.want, b.mode)
			wait, closed := b.closed(now)
			require.Equal(t, tt.want != modeFlowing, closed)
			require.GreaterOrEqual(t, wait, tt.rest)
			require.LessOrEqual(t, wait, tt.rest+tt.rest/10)
		})
	}
}

func TestCalleesOutcomesNeverBreakATrunk(t *testing.T) {
	for _, o := range []avanak.Outcome{avanak.Busy, avanak.NoAnswer, avanak.Rejected, avanak.InvalidNumber, avanak.Completed, avanak.Unwanted} {
		var b breaker
		for range 5 * breakAfter {
			b.ended(time.Now(), false, avanak.Report{Result: avanak.Result{Outcome: o}, Timeline: avanak.Timeline{Invited: time.Now()}})
		}
		_, closed := b.closed(time.Now())
		require.False(t, closed, o)
	}
	var b breaker
	for range 5 * breakAfter { // our own faults, with nothing sent
		b.ended(time.Now(), false, avanak.Report{Result: avanak.Result{Outcome: avanak.Congestion}})
	}
	_, closed := b.closed(time.Now())
	require.False(t, closed)
}

// The probe's number was suppressed, or its campaign paused: nothing left, so the next call must be the probe.
func TestProbeThatIsNotSentLeavesTheTurnToTheNext(t *testing.T) {
	var b breaker
	now := time.Now()
	for range breakAfter {
		b.ended(now, false, end{class: avanak.ClassCongestion}.report(now))
	}
	now = b.until
	_, closed := b.closed(now)
	require.False(t, closed)
	require.True(t, b.took(now))
	_, closed = b.closed(now)
	require.True(t, closed, "one probe at a time")
	b.ended(now, false, avanak.Report{})
	_, closed = b.closed(now)
	require.True(t, closed, "another call's end is not the probe's")
	b.ended(now, true, avanak.Report{})
	_, closed = b.closed(now)
	require.False(t, closed)
}

func TestClassesFollowTheOutcomeWhereThereIsNone(t *testing.T) {
	sent := avanak.Timeline{Invited: time.Now()}
	for o, want := range map[avanak.Outcome]avanak.Class{
		avanak.NoOutcome: avanak.ClassUs, avanak.Completed: avanak.ClassAnswered, avanak.Partial: avanak.ClassAnswered,
		avanak.Busy: avanak.ClassAway, avanak.NoAnswer: avanak.ClassAway, avanak.Rejected: avanak.ClassRefused,
		avanak.InvalidNumber: avanak.ClassNumber, avanak.Congestion: avanak.ClassCongestion, avanak.Failed: avanak.ClassUs,
		avanak.Uncertain: avanak.ClassSilent, avanak.Aborted: avanak.ClassUs, avanak.Suppressed: avanak.ClassUs,
		avanak.Expired: avanak.ClassUs, avanak.Unwanted: avanak.ClassUnwanted, avanak.TrunkFault: avanak.ClassFault,
		avanak.Outcome(200): avanak.ClassUs,
	} {
		r := avanak.Report{Result: avanak.Result{Outcome: o}}
		require.Equal(t, avanak.ClassUs, classOf(r), "%s: nothing left", o)
		r.Timeline = sent
		require.Equal(t, want, classOf(r), o)
		r.Class = avanak.ClassSilent
		require.Equal(t, avanak.ClassSilent, classOf(r), "what call says goes first")
	}
}
