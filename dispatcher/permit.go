package dispatcher

import (
	"context"
	"slices"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// legWait is how long an attempt waits for a permit for a further leg; then it ends as it stands. It is about as long as
// an intent lives (Config.Stale): by then a retry serves the recipient better.
const legWait = 3 * time.Second

// permit is the right to place one leg over a trunk: its channel and its token are taken. Whoever has it gives it back
// exactly once, by freed.
type permit struct {
	trunk *trunk
	probe bool // the leg finds out whether the trunk works again
	at    time.Time
}

// take takes what a leg over t needs. t is ready and has a channel.
func (p *planner) take(now time.Time, t *trunk) permit {
	was := t.state()
	t.bucket.AllowN(now, 1)
	t.inUse++
	t.pace.took()
	g := permit{trunk: t, probe: t.breaker.took(now), at: now}
	p.d.metrics.inFlight.WithLabelValues(t.Name).Inc()
	p.moved(now, t, was, whyProbe)
	return g
}

// resent takes what one more INVITE of a leg costs (credentials, a session interval): the permit paid for the first. The
// bucket goes into debt, so that no more calls begin than the gate has room for. Any goroutine may call it.
func (p *planner) resent(t *trunk) {
	p.post(func(now time.Time) { t.bucket.ReserveN(now, 1) })
}

// freed takes a channel back with how its leg ended: the zero report where none was placed. Any goroutine may call it.
func (p *planner) freed(g permit, r avanak.Report) {
	p.post(func(now time.Time) { p.ended(now, g, r) })
}

func (p *planner) ended(now time.Time, g permit, r avanak.Report) {
	t, was := g.trunk, g.trunk.state()
	t.inUse--
	p.d.metrics.inFlight.WithLabelValues(t.Name).Dec()
	if r.Trunk != "" { // a leg was placed
		p.d.metrics.legs.WithLabelValues(t.Name, classOf(r).String()).Inc()
	}
	p.moved(now, t, was, t.ended(now, g, r))
	p.follow(now, t)
}

// request is an attempt in progress that wants a permit for a further leg.
type request struct {
	claim   queue.Claim
	may     func(*trunk) bool // the trunks that are left to it; the planner asks
	granted chan permit       // holds one; the planner sends, or closes it where there is no hope
}

// further asks for a permit for a further leg and waits for it, at most legWait. There is none once the drain has begun.
func (p *planner) further(ctx context.Context, c queue.Claim, may func(*trunk) bool) (permit, bool) {
	r := &request{claim: c, may: may, granted: make(chan permit, 1)}
	p.post(func(now time.Time) {
		if !p.hopeful(now, r) {
			close(r.granted)
			return
		}
		p.legs = append(p.legs, r)
	})
	timer := time.NewTimer(legWait)
	defer timer.Stop()
	select {
	case g, ok := <-r.granted:
		return g, ok
	case <-timer.C:
	case <-ctx.Done():
	case <-p.over:
	}
	p.post(func(now time.Time) { p.withdraw(now, r) })
	return permit{}, false
}

// hopeful tells whether any trunk that is left may be ready in time. Where none is, nobody need wait to learn it.
func (p *planner) hopeful(now time.Time, r *request) bool {
	return slices.ContainsFunc(p.d.trunks, func(t *trunk) bool {
		return p.carries(t, r.claim) && r.may(t) && t.ready(now) < legWait
	})
}

// withdraw ends a request that nobody waits for any more. What was granted in the same instant goes back unused.
func (p *planner) withdraw(now time.Time, r *request) {
	if at := slices.Index(p.legs, r); at >= 0 {
		p.legs = slices.Delete(p.legs, at, at+1)
		return
	}
	select {
	case g, ok := <-r.granted:
		if ok {
			p.ended(now, g, avanak.Report{})
		}
	default:
	}
}

// nextLeg picks the first request of a lane that a trunk is ready for.
func (p *planner) nextLeg(now time.Time, lane avanak.Lane) (turn, time.Duration) {
	wait := idle
	for i, r := range p.legs {
		if r.claim.Lane != lane {
			continue
		}
		t, w := p.route(now, r.claim, r.may)
		if t != nil {
			p.legs = slices.Delete(p.legs, i, i+1)
			return turn{trunk: t, leg: r}, 0
		}
		wait = min(wait, w)
	}
	return turn{}, wait
}
