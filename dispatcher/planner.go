package dispatcher

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// idle is how long the planner waits when nothing but news can give it work.
const idle = time.Hour

// busyWait is how long it waits when the machine refuses more calls.
const busyWait = 20 * time.Millisecond

// planner is the one goroutine that decides. Fields below the line belong to that goroutine.
type planner struct {
	d *Dispatcher

	mu     sync.Mutex
	inbox  []func(now time.Time) // news from other goroutines, run by the planner; guarded by mu
	signal chan struct{}
	over   chan struct{} // closed when run ends: nothing is permitted any more

	// ----
	fast     []queue.Claim
	fetching map[int]bool // partitions whose fast shard is being claimed
	wanted   map[int]bool // partitions that may hold due fast messages
	feeds    map[string]*feed
	order    []string // feeds, in the order of their turns
	looking  bool
	fastFrom time.Time       // no fast message is claimed before it
	legs     []*request      // attempts in progress that wait for a permit for a further leg
	context  context.Context //nolint:containedctx // of run, for the goroutines that it starts
}

// feed is a campaign with the claims that are held ahead for it.
type feed struct {
	campaign avanak.Campaign
	claims   []queue.Claim
	fetching bool
	again    time.Time // no claim before it
}

func newPlanner(d *Dispatcher) *planner {
	return &planner{d: d, signal: make(chan struct{}, 1), over: make(chan struct{}), fetching: make(map[int]bool), wanted: make(map[int]bool),
		feeds: make(map[string]*feed)}
}

// post hands news to the planner; it never blocks.
func (p *planner) post(news func(now time.Time)) {
	p.mu.Lock()
	p.inbox = append(p.inbox, news)
	p.mu.Unlock()
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

// read runs the news that came in.
func (p *planner) read(now time.Time) {
	p.mu.Lock()
	news := p.inbox
	p.inbox = nil
	p.mu.Unlock()
	for _, n := range news {
		n(now)
	}
}

// woken says that a partition has work: a fast message, or a campaign that was started.
func (p *planner) woken(partition int) {
	p.post(func(now time.Time) {
		p.wanted[partition] = true
		known := false
		for id, f := range p.feeds {
			if avanak.PartitionOf(id) == partition {
				f.again, known = now, true
			}
		}
		if !known {
			p.look()
		}
	})
}

// run plans until ctx ends and returns the claims that are left. Attempts run under calls.
func (p *planner) run(ctx, calls context.Context) []queue.Claim {
	defer close(p.over)
	p.context = ctx
	look := time.NewTicker(p.d.cfg.Look)
	defer look.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	p.look()
	for {
		select {
		case <-ctx.Done():
			return p.holding()
		case <-p.signal:
		case <-look.C:
			p.yield(time.Now())
			p.look()
		case <-timer.C:
		}
		now := time.Now()
		p.read(now)
		wait := p.step(now, func(g permit, c queue.Claim) {
			p.d.calls.Go(func() { p.d.attempt(calls, g, c) })
		})
		p.prefetch(now)
		timer.Reset(wait)
	}
}

// step starts every leg that may start now and returns how long until the next one may.
func (p *planner) step(now time.Time, start func(permit, queue.Claim)) time.Duration {
	for _, t := range p.d.trunks {
		p.follow(now, t)
	}
	for {
		if len(p.legs) == 0 && len(p.fast) == 0 && p.bulkClaims() == 0 {
			return idle
		}
		if p.d.overloaded() {
			p.d.metrics.refused.WithLabelValues("machine_busy").Inc()
			return busyWait
		}
		next, wait := p.next(now)
		switch {
		case next.trunk == nil:
			return wait
		case next.leg != nil:
			next.leg.granted <- p.take(now, next.trunk)
		default:
			start(p.take(now, next.trunk), next.claim)
		}
	}
}

// turn is what goes next, and over which trunk: a claim's first leg, or a further leg of an attempt in progress.
type turn struct {
	trunk *trunk
	claim queue.Claim
	leg   *request
}

// next picks what goes now, or says how long until something may. Fast messages have strict priority: they are asked
// first, so that a token goes to a campaign only when no message could use it. Within a lane, further legs go before
// claims: somebody has begun to be called.
func (p *planner) next(now time.Time) (turn, time.Duration) {
	fast, wait := p.nextFast(now)
	if fast.trunk != nil {
		return fast, 0
	}
	bulk, w := p.nextBulk(now)
	return bulk, min(wait, w)
}

func (p *planner) nextFast(now time.Time) (turn, time.Duration) {
	next, wait := p.nextLeg(now, avanak.Fast)
	if next.trunk != nil {
		return next, 0
	}
	for i, c := range p.fast {
		t, w := p.route(now, c, anyTrunk)
		if t != nil {
			p.fast = slices.Delete(p.fast, i, i+1)
			return turn{trunk: t, claim: c}, 0
		}
		wait = min(wait, w)
	}
	return turn{}, wait
}

func (p *planner) nextBulk(now time.Time) (turn, time.Duration) {
	next, wait := p.nextLeg(now, avanak.Bulk)
	if next.trunk != nil {
		return next, 0
	}
	for i, id := range p.order {
		f := p.feeds[id]
		if len(f.claims) == 0 {
			continue
		}
		t, w := p.route(now, f.claims[0], anyTrunk)
		if t == nil {
			wait = min(wait, w)
			continue
		}
		c := f.claims[0]
		f.claims = f.claims[1:]
		// The campaign that had its turn goes to the end of the line.
		p.order = append(slices.Delete(p.order, i, i+1), id)
		return turn{trunk: t, claim: c}, 0
	}
	return turn{}, wait
}

// anyTrunk is the choice of a first leg.
func anyTrunk(*trunk) bool { return true }

// carries tells whether a trunk may carry this call at all: test calls stay on the sandbox, real ones off it.
func (p *planner) carries(t *trunk, c queue.Claim) bool { return t.Sandbox == c.Order.Sandbox }

// carried tells whether any trunk may carry this call.
func (p *planner) carried(c queue.Claim) bool {
	return slices.ContainsFunc(p.d.trunks, func(t *trunk) bool { return p.carries(t, c) })
}

// route finds a trunk that may carry the call now, or says how long until one may. may is asked first.
func (p *planner) route(now time.Time, c queue.Claim, may func(*trunk) bool) (*trunk, time.Duration) {
	wait, down := idle, false
	for _, t := range p.d.trunks {
		if !p.carries(t, c) || !may(t) {
			continue
		}
		down = down || t.down()
		if t.full() {
			continue
		}
		w := t.ready(now)
		if w == 0 {
			return t, 0
		}
		wait = min(wait, w)
	}
	if down && wait == idle { // no other trunk will have it any sooner
		p.d.metrics.refused.WithLabelValues("trunk_down").Inc()
	}
	return nil, wait
}

func (p *planner) bulkClaims() int {
	n := 0
	for _, f := range p.feeds {
		n += len(f.claims)
	}
	return n
}

// holding returns the claims that the planner holds, and forgets them.
func (p *planner) holding() []queue.Claim {
	all := p.fast
	p.fast = nil
	for _, f := range p.feeds {
		all = append(all, f.claims...)
		f.claims = nil
	}
	return all
}

// leftovers reads the last news after run and the fetches have ended, and returns the claims that they brought.
func (p *planner) leftovers() []queue.Claim {
	p.read(time.Now())
	return p.holding()
}

// note counts why claims could not be had or dialled, by a fixed set of reasons.
func (p *planner) note(err error) {
	p.d.metrics.refused.WithLabelValues(reason(err)).Inc()
}

func reason(err error) string {
	switch {
	case errors.Is(err, queue.ErrPaused):
		return "paused"
	case errors.Is(err, queue.ErrCancelled):
		return "cancelled"
	case errors.Is(err, queue.ErrWindowClosed):
		return "window"
	case errors.Is(err, queue.ErrExhausted):
		return "exhausted"
	case errors.Is(err, queue.ErrExpired):
		return "expired"
	case errors.Is(err, queue.ErrFenced):
		return "fenced"
	case errors.Is(err, avanak.ErrUnavailable):
		return "store_unavailable"
	}
	return "error"
}
