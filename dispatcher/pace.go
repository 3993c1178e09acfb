package dispatcher

import "time"

// The rate over a trunk falls by a factor while the trunk is congested and grows back by steps: additive increase,
// multiplicative decrease, so that several who share a carrier settle on what it can carry.
const (
	paceSpan  = time.Second // at most one cut in it; one step for each that passes without congestion
	paceCut   = 0.7
	paceStep  = 0.05
	paceFloor = 0.1 // where the rate stops falling, and where it starts again after a probe: back at full pace in 18 s

	// paceTolerance is the share of the last calls, about paceMemory of them, that may be congested without a cut. One 503 is
	// that call's affair (RFC 3261 section 21.5.4), and a carrier that serves many networks always has some: without it, one
	// call in a hundred halves the rate.
	paceTolerance = 0.15
	paceMemory    = 64
)

// pace is the share of a trunk's CPS that feedback leaves. It belongs to the planner's goroutine.
type pace struct {
	factor float64   // paceFloor to 1
	share  float64   // of the last calls, those that were congested
	cut    time.Time // the last one
	calm   time.Time // since when there was no more congestion than is tolerated, steps taken meanwhile counted off
}

func newPace() pace { return pace{factor: 1} }

// at returns the factor, with the steps that have fallen due.
func (p *pace) at(now time.Time) float64 {
	if steps := now.Sub(p.calm) / paceSpan; p.factor < 1 && steps > 0 {
		p.factor = min(1, p.factor+paceStep*float64(steps))
		p.calm = p.calm.Add(now.Sub(p.calm).Truncate(paceSpan))
	}
	return p.factor
}

// took notes that a call goes over the trunk. Calls are counted here and not at their end: a 503 is back long before the
// callees of the same second have spoken.
func (p *pace) took() { p.share -= p.share / paceMemory }

// congested notes that the trunk could not carry a call.
func (p *pace) congested(now time.Time) {
	if p.share = min(1, p.share+1.0/paceMemory); p.share <= paceTolerance {
		return
	}
	p.at(now)
	if p.cut.IsZero() || now.Sub(p.cut) >= paceSpan {
		p.factor, p.cut = max(paceFloor, p.factor*paceCut), now
	}
	p.calm = now
}

// restart begins at the floor: a trunk that has just come back is not met with everything that waited for it.
func (p *pace) restart(now time.Time) { p.factor, p.calm = paceFloor, now }
