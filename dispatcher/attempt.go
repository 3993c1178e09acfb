package dispatcher

import (
	"context"
	"errors"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// Why the last gate held an INVITE back. call reports such an attempt as not sent; the dispatcher knows why.
var (
	errStale      = errors.New("intent is too old to be dialled")
	errSuppressed = errors.New("number was suppressed meanwhile")
)

// recheck is how old the answer of the suppression list may be when the INVITE leaves (DESIGN I7 grants a second).
const recheck = 500 * time.Millisecond

// attempt is one attempt on its way from its claim to its settlement.
type attempt struct {
	claim   queue.Claim
	intent  queue.Intent // of the last leg that was recorded
	legs    []leg        // those that were placed
	dialogs int          // of them, those whose INVITE left
	report  avanak.Report
	open    bool // the last leg is known dead, and another may follow it
}

// leg is one INVITE dialog of an attempt, as far as the choice of the next one's way cares.
type leg struct {
	trunk  string
	target string // "" where nothing left
	class  avanak.Class
}

// attempt sees one claim through: suppression, intent, legs, settlement. It owns the permit g.
func (d *Dispatcher) attempt(ctx context.Context, g permit, c queue.Claim) {
	defer d.held.drop(c.Held())
	a := &attempt{claim: c}
	if !d.first(ctx, g, a) {
		return
	}
	for a.open && len(a.legs) < avanak.MaxLegs && ctx.Err() == nil && d.held.keeps(c.Held()) {
		if !d.further(ctx, a) {
			break
		}
	}
	report := a.report
	report.Legs = a.dialogs
	report.Timeline.Accepted, report.Timeline.Taken = c.Due, c.Taken
	d.metrics.ended(c, report)
	if report.Result.Outcome == avanak.Unwanted {
		d.unwanted(ctx, a.intent)
	}
	d.settle(ctx, a.intent, report)
}

// first checks the claim, records the intent and places the first leg. False means that there is no intent, and that the
// claim is taken care of.
func (d *Dispatcher) first(ctx context.Context, g permit, a *attempt) bool {
	var report avanak.Report // zero while no leg was placed
	defer func() { d.plan.freed(g, report) }()
	checked := time.Now() // an answer is as old as its question
	if !d.mayCall(ctx, a.claim) {
		return false
	}
	recorded := time.Now() // a record whose answer was lost may be as old as the first try
	intent, err := d.record(ctx, a.claim, "dial", func() (queue.Intent, error) { return d.jobs.Dial(ctx, a.claim) })
	if err != nil {
		d.refused(ctx, a.claim, err)
		return false
	}
	a.intent = intent
	report = d.place(ctx, g.trunk, a, checked, recorded)
	return true
}

// further places one more leg. It needs a permit of its own, is asked of the suppression list again, and is recorded
// before its INVITE (DESIGN D3). False means that the attempt ends with the report that it has.
func (d *Dispatcher) further(ctx context.Context, a *attempt) bool {
	g, ok := d.plan.further(ctx, a.claim, a.may)
	if !ok {
		d.metrics.refused.WithLabelValues("no_leg").Inc()
		return false
	}
	var report avanak.Report // zero while the leg was not placed
	defer func() { d.plan.freed(g, report) }()
	checked := time.Now()
	suppressed, err := d.suppressed.Has(ctx, a.claim.Number)
	switch {
	case err != nil:
		d.metrics.errors.WithLabelValues("suppression").Inc()
		return false
	case suppressed:
		d.metrics.refused.WithLabelValues("suppressed").Inc()
		a.report.Result.Outcome = avanak.Suppressed
		return false
	}
	recorded := time.Now()
	intent, err := d.record(ctx, a.claim, "leg", func() (queue.Intent, error) { return d.jobs.Leg(ctx, a.intent) })
	if err != nil {
		d.plan.post(func(now time.Time) { d.plan.refused(now, a.claim, err) })
		return false
	}
	a.intent = intent
	report = d.place(ctx, g.trunk, a, checked, recorded)
	return true
}

// place places the leg that a.intent stands for over t, and returns its own report.
func (d *Dispatcher) place(ctx context.Context, t *trunk, a *attempt, checked, recorded time.Time) avanak.Report {
	var held error
	invites := 0
	r := d.caller.Place(ctx, a.intent, avanak.Route{Trunk: t.Name, Tried: a.tried(t.Name)}, func(ctx context.Context) error {
		if invites++; invites > 1 {
			d.plan.resent(t)
		}
		held = d.lastGate(ctx, t, a.claim, checked, recorded)
		return held
	})
	r.Trunk = t.Name
	a.ended(r, held)
	return r
}

// ended takes in what a leg came to. The last leg whose INVITE left speaks for the attempt, with its trunk, its result and
// its times: t2 and what follows it must be of one dialog. A leg that did not leave takes nothing from the one before it.
func (a *attempt) ended(r avanak.Report, held error) {
	left := !r.Timeline.Invited.IsZero() || r.Target != ""
	if left {
		a.dialogs++
	}
	if left || len(a.legs) == 0 {
		a.report = r
	}
	if errors.Is(held, errSuppressed) {
		a.report.Result.Outcome = avanak.Suppressed
	}
	class := classOf(r)
	a.legs = append(a.legs, leg{trunk: r.Trunk, target: r.Target, class: class})
	a.open = r.Dead && held == nil && (class == avanak.ClassCongestion || class == avanak.ClassFault)
}

// tried lists where the legs over a trunk went to.
func (a *attempt) tried(trunk string) []string {
	var targets []string
	for _, l := range a.legs {
		if l.trunk == trunk {
			targets = append(targets, l.target)
		}
	}
	return targets
}

// may tells whether a further leg may go over t: over another trunk, or to another far end of one that was congested. A
// trunk that refused us would refuse us there as well.
func (a *attempt) may(t *trunk) bool {
	for _, l := range a.legs {
		if l.trunk == t.Name && l.class == avanak.ClassFault {
			return false
		}
	}
	tried := a.tried(t.Name)
	return len(tried) == 0 || t.untried(tried)
}

// mayCall is the check of suppression and emergency numbers right before the intent. It fails closed.
func (d *Dispatcher) mayCall(ctx context.Context, c queue.Claim) bool {
	if c.Number.Callable() != nil {
		d.skip(ctx, c, avanak.Suppressed, "not_callable")
		return false
	}
	suppressed, err := d.suppressed.Has(ctx, c.Number)
	switch {
	case err != nil:
		d.metrics.errors.WithLabelValues("suppression").Inc()
		d.release([]queue.Claim{c})
		return false
	case suppressed:
		d.skip(ctx, c, avanak.Suppressed, "suppressed")
		return false
	}
	return true
}

func (d *Dispatcher) skip(ctx context.Context, c queue.Claim, o avanak.Outcome, why string) {
	d.metrics.refused.WithLabelValues(why).Inc()
	if err := d.jobs.Skip(ctx, c, o); err != nil && !errors.Is(err, queue.ErrFenced) {
		d.metrics.errors.WithLabelValues("skip").Inc()
		d.log.Warn("recipient is not closed; its lease ends by itself", "campaign", c.Job, "err", err)
	}
}

// strand closes a message that no trunk here may carry.
func (d *Dispatcher) strand(c queue.Claim) {
	// The planner's context may have ended: the claim must not hang until its lease does.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer d.held.drop(c.Held())
	d.log.Warn("message is closed: no trunk here may carry it", "message", c.Job, "sandbox", c.Order.Sandbox)
	d.skip(ctx, c, avanak.Failed, "no_trunk")
}

// record records an intent or a further leg. An answer that was lost may mean that the record exists: the move is repeated
// (it is idempotent) while its INVITE could still leave; after that a claim is left to Reap, which tells the two cases
// apart, and the record of a leg is harmless.
func (d *Dispatcher) record(ctx context.Context, c queue.Claim, step string, move func() (queue.Intent, error)) (queue.Intent, error) {
	begun := time.Now()
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		intent, err := move()
		if !errors.Is(err, avanak.ErrUnavailable) || time.Since(begun) > d.cfg.Stale || !d.held.keeps(c.Held()) {
			return intent, err
		}
		d.metrics.errors.WithLabelValues(step).Inc()
		if !sleep(ctx, min(wait, time.Second)) {
			return queue.Intent{}, err
		}
	}
}

// refused acts on a claim that could not be dialled.
func (d *Dispatcher) refused(ctx context.Context, c queue.Claim, err error) {
	d.plan.post(func(now time.Time) { d.plan.refused(now, c, err) })
	switch {
	case errors.Is(err, queue.ErrExpired):
		d.skip(ctx, c, avanak.Expired, "expired")
	case errors.Is(err, queue.ErrExhausted):
		d.skip(ctx, c, avanak.Failed, "exhausted")
	case errors.Is(err, queue.ErrWindowClosed) && c.Lane == avanak.Fast:
		d.skip(ctx, c, avanak.Expired, "window")
	case errors.Is(err, queue.ErrFenced):
	case errors.Is(err, avanak.ErrUnavailable):
		d.log.Warn("intent was not recorded; the claim is left to its lease", "campaign", c.Job, "err", err)
	default:
		d.release([]queue.Claim{c})
	}
}

// lastGate runs immediately before an INVITE leaves: the trunk's pace, and with it what may have changed since the intent.
func (d *Dispatcher) lastGate(ctx context.Context, t *trunk, c queue.Claim, checked, dialled time.Time) error {
	stale := func() bool { return age(dialled) > d.cfg.Stale || !d.held.keeps(c.Held()) }
	return t.gate.Pass(ctx, func() error {
		if stale() {
			return errStale // asked first, so that the dead do not keep the living waiting
		}
		if age(checked) > recheck {
			asked := time.Now()
			suppressed, err := d.suppressed.Has(ctx, c.Number)
			switch {
			case err != nil:
				return err
			case suppressed:
				return errSuppressed
			case age(asked) > recheck || stale():
				return errStale
			}
		}
		return nil
	})
}

// age is how long ago t was: by the clock that no setting moves, or by the wall's where the host slept meanwhile.
func age(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}

// sleep waits, or returns false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
