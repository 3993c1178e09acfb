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

	// ----
	fast     []queue.Claim
	fetching map[int]bool // partitions whose fast shard is being claimed
	wanted   map[int]bool // partitions that may hold due fast messages
	feeds    map[string]*feed
	order    []string // feeds, in the order of their turns
	looking  bool
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
	return &planner{d: d, signal: make(chan struct{}, 1), fetching: make(map[int]bool), wanted: make(map[int]bool),
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
			p.look()
		case <-timer.C:
		}
		now := time.Now()
		p.read(now)
		wait := p.step(now, func(t *trunk, c queue.Claim) {
			p.d.calls.Go(func() { p.d.attempt(calls, t, c) })
		})
		p.prefetch(now)
		timer.Reset(wait)
	}
}

// step starts every attempt that may start now and returns how long until the next one may.
func (p *planner) step(now time.Time, start func(*trunk, queue.Claim)) time.Duration {
	for {
		if len(p.fast) == 0 && p.bulkClaims() == 0 {
			return idle
		}
		if p.d.overloaded() {
			p.d.metrics.refused.WithLabelValues("machine_busy").Inc()
			return busyWait
		}
		claim, t, wait := p.next(now)
		if t == nil {
			return wait
		}
		t.bucket.AllowN(now, 1)
		t.inUse++
		t.broken.took()
		p.d.metrics.inFlight.WithLabelValues(t.Name).Inc()
		start(t, claim)
	}
}

// next picks the claim that goes now with its trunk, or says how long until one may. Fast messages have strict
// priority: they are asked first, so that a token goes to a campaign only when no message could use it.
func (p *planner) next(now time.Time) (queue.Claim, *trunk, time.Duration) {
	wait := idle
	for i, c := range p.fast {
		t, w := p.route(now, c)
		if t != nil {
			p.fast = slices.Delete(p.fast, i, i+1)
			return c, t, 0
		}
		wait = min(wait, w)
	}
	for turn, id := range p.order {
		f := p.feeds[id]
		if len(f.claims) == 0 {
			continue
		}
		t, w := p.route(now, f.claims[0])
		if t == nil {
			wait = min(wait, w)
			continue
		}
		c := f.claims[0]
		f.claims = f.claims[1:]
		// The campaign that had its turn goes to the end of the line.
		p.order = append(slices.Delete(p.order, turn, turn+1), id)
		return c, t, 0
	}
	return queue.Claim{}, nil, wait
}

// carries tells whether a trunk may carry this call at all: test calls stay on the sandbox, real ones off it.
func (p *planner) carries(t *trunk, c queue.Claim) bool { return t.Sandbox == c.Order.Sandbox }

// carried tells whether any trunk may carry this call.
func (p *planner) carried(c queue.Claim) bool {
	return slices.ContainsFunc(p.d.trunks, func(t *trunk) bool { return p.carries(t, c) })
}

// route finds a trunk that may carry the call now, or says how long until one may.
func (p *planner) route(now time.Time, c queue.Claim) (*trunk, time.Duration) {
	wait := idle
	for _, t := range p.d.trunks {
		if !p.carries(t, c) || t.full() {
			continue
		}
		w := t.ready(now)
		if w == 0 {
			return t, 0
		}
		wait = min(wait, w)
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

// freed takes a channel back, with how its call ended.
func (p *planner) freed(t *trunk, r avanak.Report) {
	p.post(func(now time.Time) {
		t.inUse--
		p.d.metrics.inFlight.WithLabelValues(t.Name).Dec()
		if t.broken.ended(now, r) {
			open := t.broken.faults >= breakAfter
			p.d.metrics.open.WithLabelValues(t.Name).Set(map[bool]float64{true: 1}[open])
			p.d.log.Warn("trunk state changed", "trunk", t.Name, "failing", open, "outcome", r.Result.Outcome.String())
		}
	})
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
