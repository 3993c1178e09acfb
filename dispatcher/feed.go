package dispatcher

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// Waits before a feed is asked again.
const (
	emptyWait  = 250 * time.Millisecond // nobody was ready
	closedWait = time.Second            // paused, or outside the window, or Redis would not serve
)

// holdFor is how long claims are held while none of the trunks that may carry them is open.
const holdFor = 5 * time.Second

// maxFast is how many fast messages the planner holds ahead.
const maxFast = 100

// look asks Redis which campaigns and which shards of the fast lane have work. At most one look is under way.
func (p *planner) look() {
	if p.looking {
		return
	}
	p.looking = true
	p.d.fetch.Go(func() {
		active, known, err := p.d.roster(p.context)
		var waiting []int
		if err == nil {
			waiting, err = p.d.jobs.Waiting(p.context)
		}
		p.post(func(now time.Time) {
			p.looking = false
			if err != nil {
				p.d.metrics.errors.WithLabelValues("look").Inc()
				if !errors.Is(err, context.Canceled) {
					p.d.log.Warn("looking for work", "err", err)
				}
				return
			}
			for _, partition := range waiting {
				p.wanted[partition] = true
			}
			p.adopt(active, known)
		})
	})
}

// roster lists the active campaigns, and the ids of all, unreadable ones included.
func (d *Dispatcher) roster(ctx context.Context) (campaigns []avanak.Campaign, ids []string, err error) {
	ids, err = d.jobs.Active(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if c, ok := d.known.Load(id); ok {
			campaigns = append(campaigns, c.(avanak.Campaign)) //nolint:forcetypeassert // the only type stored
			continue
		}
		c, _, err := d.jobs.Campaign(ctx, id)
		switch {
		case errors.Is(err, avanak.ErrUnavailable), ctx.Err() != nil:
			return nil, nil, err
		case err != nil: // one unreadable record (a newer schema, say) must not stop the others
			d.metrics.errors.WithLabelValues("campaign").Inc()
			d.log.Error("campaign is passed over", "campaign", id, "err", err)
			continue
		}
		d.known.Store(id, c)
		campaigns = append(campaigns, c)
	}
	d.known.Range(func(id, _ any) bool {
		if !slices.Contains(ids, id.(string)) { //nolint:forcetypeassert // the only type stored
			d.known.Delete(id)
		}
		return true
	})
	return campaigns, ids, nil
}

// adopt takes up campaigns that have begun and lets go of those that have no more work.
func (p *planner) adopt(active []avanak.Campaign, ids []string) {
	for _, c := range active {
		if p.feeds[c.ID] == nil {
			p.feeds[c.ID] = &feed{campaign: c}
			p.order = append(p.order, c.ID)
			p.d.log.Info("campaign taken up", "campaign", c.ID, "tenant", c.Tenant)
		}
	}
	p.order = slices.DeleteFunc(p.order, func(id string) bool {
		f := p.feeds[id]
		if slices.Contains(ids, id) || f.fetching {
			return false
		}
		if len(f.claims) > 0 {
			claims := f.claims
			p.d.fetch.Go(func() { p.d.release(claims) })
		}
		delete(p.feeds, id)
		p.d.log.Info("campaign has no more work here", "campaign", id, "tenant", f.campaign.Tenant)
		return true
	})
}

// prefetch asks for claims where fewer are held than the next second may need.
func (p *planner) prefetch(now time.Time) {
	for partition := range p.wanted {
		if len(p.fast) >= maxFast || now.Before(p.fastFrom) {
			break
		}
		if p.fetching[partition] {
			continue
		}
		delete(p.wanted, partition)
		p.fetching[partition] = true
		p.d.fetch.Go(func() { p.claimFast(partition) })
	}
	for _, f := range p.feeds {
		want := p.ahead(f.campaign)
		if f.fetching || now.Before(f.again) || len(f.claims) > want/2 || want == 0 {
			continue
		}
		f.fetching = true
		want -= len(f.claims)
		p.d.fetch.Go(func() { p.claim(f, want) })
	}
}

// ahead is how many claims a campaign may hold: a second's worth of its trunks.
func (p *planner) ahead(c avanak.Campaign) int {
	cps := 0.0
	for _, t := range p.d.trunks {
		if t.Sandbox == c.Sandbox {
			cps += t.CPS
		}
	}
	if cps == 0 {
		return 0 // no trunk may carry it: its recipients stay untouched
	}
	return max(p.d.cfg.Prefetch, int(math.Ceil(cps)))
}

func (p *planner) claim(f *feed, want int) {
	claims, err := p.d.jobs.Claim(p.context, f.campaign, want)
	for _, c := range claims {
		p.d.held.add(c.Held())
	}
	p.post(func(now time.Time) {
		f.fetching = false
		f.claims = append(f.claims, claims...)
		switch {
		case err != nil:
			p.note(err)
			f.again = now.Add(closedWait)
		case len(claims) < min(want, 16):
			f.again = now.Add(emptyWait)
		}
	})
}

func (p *planner) claimFast(partition int) {
	claims, err := p.d.jobs.ClaimFast(p.context, partition, maxFast)
	for _, c := range claims {
		p.d.held.add(c.Held())
	}
	p.post(func(time.Time) {
		delete(p.fetching, partition)
		for _, c := range claims {
			if p.carried(c) {
				p.fast = append(p.fast, c)
				continue
			}
			// It would wait for ever, and others behind it: it was accepted for the sandbox, say, and trunks came since.
			p.d.fetch.Go(func() { p.d.strand(c) })
		}
		if err != nil {
			p.note(err)
			return // the next look finds it again
		}
		if len(claims) == maxFast {
			p.wanted[partition] = true
		}
	})
}

// yield gives back what this node has held for a while and cannot call, since none of its trunks is open: another node may
// call it, and a message whose time is over is closed when it is claimed next. Where a trunk is merely busy, turns are kept.
func (p *planner) yield(now time.Time) {
	stuck := func(c queue.Claim) bool {
		return now.Sub(c.Taken) >= holdFor && !p.hopeful(now, &request{claim: c, may: anyTrunk})
	}
	var back []queue.Claim
	p.fast = slices.DeleteFunc(p.fast, func(c queue.Claim) bool {
		if !stuck(c) {
			return false
		}
		back = append(back, c)
		return true
	})
	if len(back) > 0 {
		p.fastFrom = now.Add(closedWait)
	}
	for _, f := range p.feeds {
		if len(f.claims) > 0 && stuck(f.claims[0]) {
			back = append(back, f.claims...)
			f.claims, f.again = nil, now.Add(closedWait)
		}
	}
	if len(back) > 0 {
		p.d.metrics.refused.WithLabelValues("no_open_trunk").Add(float64(len(back)))
		p.d.fetch.Go(func() { p.d.release(back) })
	}
}

// refused counts why a claim was not dialled. Where the reason holds for the whole campaign, its other claims go back
// too, so that they do not use up tokens for nothing.
func (p *planner) refused(now time.Time, c queue.Claim, err error) {
	p.note(err)
	f := p.feeds[c.Job]
	if f == nil || !errors.Is(err, queue.ErrPaused) && !errors.Is(err, queue.ErrCancelled) && !errors.Is(err, queue.ErrWindowClosed) {
		return
	}
	f.again = now.Add(closedWait)
	if len(f.claims) > 0 {
		claims := f.claims
		f.claims = nil
		p.d.fetch.Go(func() { p.d.release(claims) })
	}
}
