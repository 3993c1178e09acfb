package dispatcher

import (
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/avanak/avanak"
)

// trunk is a trunk's limits and what is known of it. All but the gate belong to the planner's goroutine.
type trunk struct {
	avanak.Trunk
	bucket  *rate.Limiter
	gate    *Gate
	inUse   int
	breaker breaker
	pace    pace
	health  avanak.Health
	heard   bool    // health was reported; until then nothing speaks against the trunk
	shown   float64 // the rate that the metric shows
}

func newTrunk(t avanak.Trunk) *trunk {
	limit := t.CPS * avanak.PaceShare
	return &trunk{Trunk: t, gate: newGate(t.CPS), pace: newPace(), shown: limit,
		bucket: rate.NewLimiter(rate.Limit(limit), 1)} // burst 1: carriers count per second or finer
}

// ready returns how long until a call may go: until the bucket has a token, or a trunk at rest may be tried again; 0 means
// now.
func (t *trunk) ready(now time.Time) time.Duration {
	if t.down() {
		return idle // the news that it is up wakes the planner
	}
	if wait, closed := t.breaker.closed(now); closed {
		return wait
	}
	missing := 1 - t.bucket.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	wait := time.Duration(missing/float64(t.bucket.Limit())*float64(time.Second)) + time.Microsecond
	if t.pace.factor < 1 {
		wait = min(wait, paceSpan) // the rate grows meanwhile
	}
	return wait
}

func (t *trunk) full() bool { return t.inUse >= t.Channels }

func (t *trunk) down() bool { return t.heard && !t.health.Usable }

// untried tells whether the trunk has a far end left that is up and that none of the legs to these went to.
func (t *trunk) untried(tried []string) bool {
	return len(t.health.Targets) > len(tried) && slices.ContainsFunc(t.health.Targets, func(far avanak.TargetHealth) bool {
		return far.Up && !slices.Contains(tried, far.Addr.String())
	})
}

// ended takes in how a leg ended, and says why the trunk's state changed, where it did.
func (t *trunk) ended(now time.Time, g permit, r avanak.Report) (why string) {
	if classOf(r) == avanak.ClassCongestion {
		t.pace.congested(now)
	}
	// A probe whose end was not awaited any more is a call like any other.
	probe := g.probe && t.breaker.probing && g.at.Equal(t.breaker.probed)
	why = t.breaker.ended(now, probe, r)
	if why == whyWorks {
		t.pace.restart(now)
	}
	return why
}

// limit is the rate that the bucket should have: what feedback leaves of our pace.
func (t *trunk) limit(now time.Time) float64 { return t.CPS * avanak.PaceShare * t.pace.at(now) }

// follow ends a rest that is over, and sets a trunk's bucket and metric to its present rate. The gate stays at the
// carrier's CPS.
func (p *planner) follow(now time.Time, t *trunk) {
	if was := t.state(); t.breaker.lapse(now) {
		p.moved(now, t, was, whyRested)
	} else if t.breaker.outlived(now) {
		t.pace.restart(now)
		p.moved(now, t, was, whyWorks)
	}
	limit := t.limit(now)
	if rate.Limit(limit) != t.bucket.Limit() {
		t.bucket.SetLimitAt(now, rate.Limit(limit))
	}
	if t.state() != up {
		limit = 0
	}
	if limit != t.shown {
		t.shown = limit
		p.d.metrics.rate.WithLabelValues(t.Name).Set(limit)
	}
}
