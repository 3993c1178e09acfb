package dispatcher

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// trip is how long a refusal takes to come back.
const trip = 50 * time.Millisecond

// far says how a call that is placed now ends, and when.
type far func(s start) (avanak.Report, time.Duration)

func refusal(c avanak.Class, sip int, after time.Duration) far {
	return func(start) (avanak.Report, time.Duration) {
		return avanak.Report{Class: c, RetryAfter: after, Result: avanak.Result{SIP: sip}}, trip
	}
}

// busy is a callee's word, after some ringing.
func busy(start) (avanak.Report, time.Duration) {
	return avanak.Report{Class: avanak.ClassAway, Result: avanak.Result{SIP: 486}}, 2 * time.Second
}

// serve runs the planner for d of simulated time against a far end.
func (b *bench) serve(d time.Duration, answer far) {
	over := time.After(d)
	for {
		now := time.Now()
		b.read(now)
		wait := b.step(now, func(g permit, c queue.Claim) {
			s := start{now, g.trunk.Name, c, g}
			b.started = append(b.started, s)
			r, after := answer(s)
			r.Trunk, r.Timeline.Invited = s.trunk, now
			time.AfterFunc(after, func() {
				r.Timeline.Ended = time.Now()
				b.freed(g, r)
			})
		})
		select {
		case <-over:
			return
		case <-b.signal:
		case <-time.After(max(wait, time.Microsecond)):
		}
	}
}

// during counts the calls that started in each span of d from t on.
func (b *bench) during(from time.Time, d time.Duration, spans int) []int {
	counts := make([]int, spans)
	for _, s := range b.started {
		if at := int(s.at.Sub(from) / d); !s.at.Before(from) && at < spans {
			counts[at]++
		}
	}
	return counts
}

const many = 100_000

// reliability.md T2: under a storm of 503 the offered rate falls, and never rises.
func TestStormOfCongestion(t *testing.T) {
	for name, tt := range map[string]struct {
		storm far
		most  int // calls in its first span of 20 s; later ones have no more than the one before
		last  int // and the last
	}{
		// For two seconds callees who rang before the storm still pick up: the pace falls at once, the rest comes with their silence.
		"every call":      {refusal(avanak.ClassCongestion, 503, 0), 80, 3},
		"asking for 20 s": {refusal(avanak.ClassCongestion, 503, 20*time.Second), 8, 8},
		"asking for 1 s":  {refusal(avanak.ClassCongestion, 503, time.Second), 30, 3},
		"every other call": {func() far {
			n := 0
			return func(s start) (avanak.Report, time.Duration) {
				if n++; n%2 == 0 {
					return busy(s)
				}
				return refusal(avanak.ClassCongestion, 503, 0)(s)
			}
		}(), 400, 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const span, spans = 20 * time.Second, 6
				b := newBench(t, avanak.Trunk{Name: "a", CPS: 50, Channels: 1000})
				b.feed("c1", many, false)
				b.serve(span, busy)
				require.Greater(t, len(b.started), 900)
				storm := time.Now()
				b.serve(spans*span, tt.storm)
				offered := b.during(storm, span, spans)
				t.Log("offered", offered)
				require.LessOrEqual(t, offered[0], tt.most)
				for i := 1; i < spans; i++ {
					require.LessOrEqual(t, offered[i], offered[i-1]+2, "probes fall on either side of a span's end")
				}
				require.LessOrEqual(t, offered[spans-1], tt.last)
				calm := time.Now()
				b.serve(2*time.Minute, busy)
				require.Greater(t, b.during(calm, 100*time.Second, 1)[0], 2500, "and it comes back")
			})
		})
	}
}

// reliability.md T3: a wrong password never gives a storm.
func TestWrongPasswordIsTriedRarely(t *testing.T) {
	for _, sip := range []int{401, 407, 403} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, avanak.Trunk{Name: "a", CPS: 50, Channels: 1000})
			b.feed("c1", many, false)
			begun := time.Now()
			b.serve(time.Minute, refusal(avanak.ClassFault, sip, 0))
			require.Less(t, len(b.started), pauseAfter+5, "those on their way included")
			b.serve(2*time.Hour, refusal(avanak.ClassFault, sip, 0))
			require.Less(t, len(b.started), 25)
			late := b.during(begun, time.Hour, 2)[1]
			require.LessOrEqual(t, late, 5, "one every quarter of an hour")
			b.serve(maxPause+maxPause/10, busy)
			mended := time.Now()
			b.serve(time.Minute, busy)
			require.Greater(t, b.during(mended, time.Minute, 1)[0], 1000, "somebody has mended the password")
		})
	}
}

// reliability.md T11: a trunk that comes and goes is not met with a storm whenever it comes.
func TestFlappingTrunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cps, phase = 50, 10 * time.Second
		b := newBench(t, avanak.Trunk{Name: "a", CPS: cps, Channels: 1000})
		var came []time.Time
		b.d.cfg.OnTransition = func(m Transition) {
			if m.To == "up" {
				came = append(came, m.At)
			}
		}
		b.feed("c1", many, false)
		begun := time.Now()
		b.serve(10*time.Minute, func(s start) (avanak.Report, time.Duration) {
			if int(time.Since(begun)/phase)%2 == 1 {
				return refusal(avanak.ClassCongestion, 503, 0)(s)
			}
			return busy(s)
		})
		require.NotEmpty(t, came)
		for _, at := range came {
			if time.Since(at) < 5*time.Second {
				continue
			}
			seconds := b.during(at, time.Second, 5)
			for i, n := range seconds {
				share := paceFloor + paceStep*float64(i)
				require.LessOrEqual(t, n, int(cps*avanak.PaceShare*share)+2, "second %d after %s", i, at.Sub(begun))
			}
		}
	})
}

func TestTrunkThatAsksForARestGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 50, Channels: 1000})
		b.feed("c1", many, false)
		b.serve(5*time.Second, busy)
		asked := time.Now()
		once := true
		b.serve(time.Minute, func(s start) (avanak.Report, time.Duration) {
			if once {
				once = false
				return refusal(avanak.ClassCongestion, 503, 10*time.Second)(s)
			}
			return busy(s)
		})
		seconds := b.during(asked.Add(trip+20*time.Millisecond), time.Second, 12)
		require.Equal(t, make([]int, 9), seconds[:9], "not one call, and no probe is needed after it")
		require.InDelta(t, 47, seconds[11], 1, "one word about load is no storm")
	})
}

// We do not wait for hours on one word of one far end, and do not come back with everything before the time is over.
func TestTrunkThatAsksForHoursIsProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 50, Channels: 1000})
		b.feed("c1", many, false)
		b.serve(5*time.Second, busy)
		before := len(b.started)
		b.serve(time.Hour, refusal(avanak.ClassCongestion, 503, time.Hour))
		require.LessOrEqual(t, len(b.started)-before, 3+int(time.Hour/maxRest), "one call each five minutes, and those on their way")
		b.serve(2*maxRest, busy)
		require.Greater(t, len(b.started), before+1000)
	})
}

func TestUnusableTrunkGetsNoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 10, Channels: 1000}, avanak.Trunk{Name: "b", CPS: 5, Channels: 1000})
		b.feed("c1", many, false)
		at := time.Now()
		by := func(d time.Duration) map[string]int {
			before := len(b.started)
			b.serve(d, busy)
			counts := map[string]int{}
			for _, s := range b.started[before:] {
				counts[s.trunk]++
			}
			return counts
		}
		b.d.Heed(avanak.Health{Trunk: "a", At: at, Why: "no answer to OPTIONS"})
		require.Zero(t, by(10 * time.Second)["a"])
		reason := b.d.metrics.refused.WithLabelValues("trunk_down")
		require.Zero(t, counter(t, reason), "the other trunk carries them")
		b.d.Heed(avanak.Health{Trunk: "b", At: at, Why: "not registered"})
		require.Empty(t, by(10*time.Second))
		require.NotZero(t, counter(t, reason))
		b.d.Heed(avanak.Health{Trunk: "a", At: at.Add(-time.Second), Usable: true})
		require.Empty(t, by(10*time.Second), "that was before")
		b.d.Heed(avanak.Health{Trunk: "a", At: at.Add(time.Second), Usable: true})
		require.InDelta(t, 95, by(10 * time.Second)["a"], 2, "at once, and at full pace")
		b.d.Heed(avanak.Health{Trunk: "c"})
		require.NotEmpty(t, by(time.Second))
		require.InDelta(t, 1, counter(t, b.d.metrics.unheeded), 0)
	})
}

// What the operator sees of a trunk's bad day.
func TestTransitionsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 100, Channels: 1000})
		var told []string
		m := b.d.metrics
		b.d.cfg.OnTransition = func(tr Transition) {
			require.Equal(t, "a", tr.Trunk)
			require.WithinDuration(t, time.Now(), tr.At, 0)
			if len(told) > 0 {
				require.Contains(t, told[len(told)-1], " "+tr.From+":", "no state is left out")
			}
			told = append(told, "to "+tr.To+": "+tr.Why)
			sum := 0.0
			for _, s := range states {
				sum += testutil.ToFloat64(m.state.WithLabelValues("a", string(s)))
			}
			require.InDelta(t, 1, sum, 0, "in one state at a time")
			require.InDelta(t, 1, testutil.ToFloat64(m.state.WithLabelValues("a", tr.To)), 0)
		}
		b.feed("c1", many, false)
		rate := m.rate.WithLabelValues("a")
		require.InDelta(t, 95, testutil.ToFloat64(rate), 1e-9)
		b.serve(5*time.Second, refusal(avanak.ClassSilent, 0, 0))
		require.Zero(t, testutil.ToFloat64(rate))
		b.serve(30*time.Second, busy)
		require.InDelta(t, 95, testutil.ToFloat64(rate), 50)
		b.serve(time.Second, refusal(avanak.ClassCongestion, 503, 2*time.Second))
		b.serve(3*time.Second, busy)
		b.d.Heed(avanak.Health{Trunk: "a", Why: "no answer to OPTIONS"})
		b.serve(time.Second, busy)
		b.d.Heed(avanak.Health{Trunk: "a", Usable: true})
		b.serve(time.Second, refusal(avanak.ClassFault, 407, 0))
		b.serve(pauseFor+10*time.Second, refusal(avanak.ClassFault, 407, 0))
		b.serve(3*pauseFor, busy)
		require.Equal(t, []string{
			"to resting: failures", "to probing: probe", "to up: works",
			"to resting: retry_after", "to up: rested",
			"to down: no answer to OPTIONS", "to up: usable",
			"to paused: unauthorised", "to probing: probe", "to paused: probe_failed", "to probing: probe", "to up: works",
		}, told)
		require.InDelta(t, 5, testutil.ToFloat64(m.moves.WithLabelValues("a", "up")), 1)
	})
}

func TestUntriedTargets(t *testing.T) {
	at := func(port uint16, up bool) avanak.TargetHealth {
		return avanak.TargetHealth{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Up: up}
	}
	for name, tt := range map[string]struct {
		targets []avanak.TargetHealth
		tried   []string
		want    bool
	}{
		"nothing known":         {nil, []string{"127.0.0.1:1"}, false},
		"the only one":          {[]avanak.TargetHealth{at(1, true)}, []string{"127.0.0.1:1"}, false},
		"another":               {[]avanak.TargetHealth{at(1, true), at(2, true)}, []string{"127.0.0.1:1"}, true},
		"another, down":         {[]avanak.TargetHealth{at(1, true), at(2, false)}, []string{"127.0.0.1:1"}, false},
		"both tried":            {[]avanak.TargetHealth{at(1, true), at(2, true)}, []string{"127.0.0.1:1", "127.0.0.1:2"}, false},
		"nobody knows which":    {[]avanak.TargetHealth{at(1, true), at(2, true)}, []string{"", ""}, false},
		"one that went nowhere": {[]avanak.TargetHealth{at(1, true), at(2, true)}, []string{""}, true},
	} {
		t.Run(name, func(t *testing.T) {
			trunk := newTrunk(avanak.Trunk{Name: "a", CPS: 1, Channels: 1})
			trunk.health.Targets = tt.targets
			require.Equal(t, tt.want, trunk.untried(tt.tried))
		})
	}
}
