package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/avanak/avanak"
)

// heartbeats renews this node's leases until ctx ends, which is after the last call has ended.
func (d *Dispatcher) heartbeats(ctx context.Context) {
	tick := time.NewTicker(d.cfg.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held := d.held.list()
		if len(held) == 0 {
			continue
		}
		lost, err := d.jobs.Extend(ctx, held)
		if err != nil && ctx.Err() == nil {
			d.metrics.errors.WithLabelValues("extend").Inc()
			d.faulted()
			d.log.Warn("leases are not renewed", "leases", len(held), "err", err)
		}
		for _, l := range lost {
			if d.held.keeps(l) { // not one that ended between the list and the answer
				d.held.drop(l)
				d.metrics.refused.WithLabelValues("lease_lost").Inc()
				d.log.Warn("lease lost: another node, or the reaper, has taken it up", "campaign", l.Job, "ordinal", l.Ordinal)
			}
		}
	}
}

// keep does the upkeep that any node may do, until ctx ends: windows, due retries, silent nodes' leases, old events.
func (d *Dispatcher) keep(ctx context.Context) {
	tick := time.NewTicker(min(d.cfg.Reap, time.Second))
	defer tick.Stop()
	var reaped, trimmed time.Time
	d.faulted() // what was before our start is not known either
	for {
		now := time.Now()
		reap, trim := now.Sub(reaped) >= d.cfg.Reap && d.settledSince(), now.Sub(trimmed) >= time.Minute
		if err := d.upkeep(ctx, now, reap, trim); err != nil && ctx.Err() == nil {
			d.metrics.errors.WithLabelValues("upkeep").Inc()
			d.faulted()
			d.log.Warn("upkeep", "err", err)
		}
		if reap {
			reaped = now
		}
		if trim {
			trimmed = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *Dispatcher) upkeep(ctx context.Context, now time.Time, reap, trim bool) error {
	// What frees memory comes first: with Redis full, nothing else may get through.
	if trim {
		if err := d.jobs.TrimEvents(ctx, d.cfg.KeepEvents); err != nil {
			return err
		}
	}
	campaigns, _, err := d.roster(ctx)
	if err != nil {
		return err
	}
	if reap {
		if err := d.reap(ctx, campaigns); err != nil {
			return err
		}
	}
	var errs []error // of single campaigns: the others must not wait for them
	for _, c := range campaigns {
		open, until, ok := c.Window.Span(now)
		if !ok {
			open, until = time.Unix(0, 0), time.Unix(0, 0) // no window, no call
		}
		if err := d.jobs.OpenWindow(ctx, c.ID, open, until); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := d.jobs.Promote(ctx, c.ID); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// reap takes up the leases of nodes that fell silent. This node says first that it is not silent: a process that was
// stopped and continued, or a clock that was set forward, must not make it take up calls of its own that go on.
func (d *Dispatcher) reap(ctx context.Context, campaigns []avanak.Campaign) error {
	if held := d.held.list(); len(held) > 0 {
		if _, err := d.jobs.Extend(ctx, held); err != nil {
			return err
		}
	}
	found, err := d.jobs.Reap(ctx, campaigns)
	d.metrics.reaped.WithLabelValues("claimed").Add(float64(found.Requeued))
	d.metrics.reaped.WithLabelValues("dialled").Add(float64(found.Uncertain))
	if found.Requeued+found.Uncertain > 0 {
		d.log.Warn("leases of a silent node taken up", "requeued", found.Requeued, "uncertain", found.Uncertain)
	}
	return err
}

// faulted notes that Redis did not serve us just now.
func (d *Dispatcher) faulted() { d.fault.Store(new(time.Now())) }

// settledSince tells whether Redis has served long enough for every living node to have renewed its leases. Leases run
// out while Redis is away; taking one up whose call is still going on would, where the customer wants uncertain attempts
// redialled, ring a phone twice at once.
func (d *Dispatcher) settledSince() bool {
	fault := d.fault.Load()
	return fault == nil || time.Since(*fault) >= 2*d.cfg.Heartbeat // monotonic: a clock that is set changes nothing
}
