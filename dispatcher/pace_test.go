package dispatcher

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPaceFallsByFactorsAndGrowsBySteps(t *testing.T) {
	const second = time.Second
	start := time.Now()
	p := newPace()
	p.share = 1
	require.InDelta(t, 1, p.at(start), 0)
	for _, at := range []struct {
		after     time.Duration // since start
		congested bool
		want      float64
	}{
		{0, true, 0.7},
		{second / 2, true, 0.7}, // at most one cut a second
		{second, true, 0.49},
		{2*second - 1, false, 0.49},
		{2 * second, false, 0.54}, // a second without
		{2*second + second/2, false, 0.54},
		{5 * second, false, 0.69},
		{5*second + second/2, true, 0.483},
		{6*second + second/4, true, 0.483},          // too soon for another cut, but
		{7 * second, false, 0.483},                  // the second without begins anew
		{7*second + second/4, false, 0.533},         // and is over here
		{time.Minute, false, 1},                     // never above the carrier's word
		{time.Minute + 10*second, true, 0.7},        // whatever time has passed
		{time.Minute + 10*second + 1, false, 0.7},   //
		{time.Minute + 11*second + 1, false, 0.75},  //
		{time.Minute + 11*second + 1, false, 0.75},  // asking changes nothing
		{time.Minute + 12*second + 1, false, 0.8},   //
		{time.Minute + 12*second + 2, true, 0.56},   //
		{time.Minute + 14*second + 2, false, 0.66},  // several steps at once
		{time.Minute + 14*second + 3, true, 0.462},  //
		{time.Minute + 15*second + 3, true, 0.3584}, // a step fell due before the cut
	} {
		now := start.Add(at.after)
		if at.congested {
			p.congested(now)
		}
		require.InDelta(t, at.want, p.at(now), 1e-9, "after %s", at.after)
	}
}

func TestPaceHasAFloorAndRestartsAtIt(t *testing.T) {
	now := time.Now()
	p := newPace()
	p.share = 1
	for range 100 {
		p.congested(now)
		now = now.Add(time.Second)
	}
	require.Less(t, p.factor, paceFloor/paceCut)
	require.GreaterOrEqual(t, p.factor, paceFloor)
	for range 100 { // no second without
		p.congested(now)
		now = now.Add(time.Second / 10)
	}
	require.InDelta(t, paceFloor, p.factor, 0)
	p = newPace()
	p.restart(now)
	for step := range 18 {
		require.InDelta(t, paceFloor+paceStep*float64(step), p.at(now.Add(time.Duration(step)*time.Second)), 1e-9)
	}
	require.InDelta(t, 1, p.at(now.Add(18*time.Second)), 1e-9)
}

// A carrier that serves many networks always has some congestion: only more than its share of it slows us down.
func TestPaceToleratesEverydayCongestion(t *testing.T) {
	for name, tt := range map[string]struct {
		every int // how many calls have one that is congested
		falls bool
	}{"one in a hundred": {100, false}, "one in twenty": {20, false}, "one in ten": {10, false}, "one in four": {4, true}, "every one": {1, true}} {
		t.Run(name, func(t *testing.T) {
			now, p := time.Now(), newPace()
			for n := range 1000 {
				p.took()
				if n%tt.every == 0 {
					p.congested(now)
				}
				now = now.Add(20 * time.Millisecond)
			}
			require.Equal(t, tt.falls, p.at(now) < 0.5)
			require.Equal(t, !tt.falls, p.at(now) == 1)
		})
	}
}
