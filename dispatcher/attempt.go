package dispatcher

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// Why the last gate held an INVITE back. call reports such an attempt as not sent; the dispatcher knows why.
var (
	errStale      = errors.New("intent is too old to be dialled")
	errSuppressed = errors.New("number was suppressed meanwhile")
)

// notSentWait is when a call is tried again that we could not place.
const notSentWait = 10 * time.Second

// recheck is how old the answer of the suppression list may be when the INVITE leaves (DESIGN I7 grants a second).
const recheck = 500 * time.Millisecond

// attempt sees one claim through: suppression, intent, call, settlement. It owns one channel of t.
func (d *Dispatcher) attempt(ctx context.Context, t *trunk, c queue.Claim) {
	var report avanak.Report // zero while no call was placed
	defer func() { d.plan.freed(t, report) }()
	defer d.held.drop(c.Held())
	checked := time.Now() // an answer is as old as its question
	if !d.mayCall(ctx, c) {
		return
	}
	dialled := time.Now() // a record whose answer was lost may be as old as the first try
	intent, err := d.dial(ctx, c)
	if err != nil {
		d.refused(ctx, c, err)
		return
	}
	var held error
	report = d.caller.Place(ctx, intent, t.Name, func(ctx context.Context) error {
		held = d.lastGate(ctx, t, c, checked, dialled)
		return held
	})
	report.Trunk = t.Name
	if errors.Is(held, errSuppressed) {
		report.Result.Outcome = avanak.Suppressed
	}
	report.Timeline.Accepted, report.Timeline.Taken = c.Due, c.Taken
	d.metrics.ended(c, report)
	d.settle(ctx, intent, report)
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

// dial records the intent. An answer that was lost may mean that the record exists: dial is repeated (it is idempotent)
// while its INVITE could still leave; after that the claim is left to Reap, which tells the two cases apart.
func (d *Dispatcher) dial(ctx context.Context, c queue.Claim) (queue.Intent, error) {
	begun := time.Now()
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		intent, err := d.jobs.Dial(ctx, c)
		if !errors.Is(err, avanak.ErrUnavailable) || time.Since(begun) > d.cfg.Stale || !d.held.keeps(c.Held()) {
			return intent, err
		}
		d.metrics.errors.WithLabelValues("dial").Inc()
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

// lastTries is how long a settlement is tried again once the drain limit is over: longer than the embedded store takes to
// come back, shorter than an operator's patience. What stays unsettled is uncertain, and no more than that.
const lastTries = 15 * time.Second

// settle closes the attempt, as long as it takes: what rang must be recorded. Redis being away delays it; the lease
// lasts while the heartbeats go on. calls is the context that ended calls at the drain limit.
func (d *Dispatcher) settle(calls context.Context, i queue.Intent, r avanak.Report) {
	// Must outlive the cancelled call; ends when Redis answers, or long after the lease is lost.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	defer context.AfterFunc(calls, func() {
		time.AfterFunc(lastTries, cancel)
	})()
	retryAt := d.retryAt(i, r)
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		found, err := d.jobs.Settle(ctx, i, r, retryAt)
		switch {
		case err == nil:
			d.metrics.settled.WithLabelValues(found.String()).Inc()
			return
		case !errors.Is(err, avanak.ErrUnavailable):
			d.metrics.settled.WithLabelValues(reason(err)).Inc()
			d.log.Error("attempt is not settled", "call_id", i.CallID(), "outcome", r.Result.Outcome.String(), "err", err)
			return
		}
		d.metrics.errors.WithLabelValues("settle").Inc()
		if !sleep(ctx, min(wait, 2*time.Second)) {
			d.log.Error("attempt is not settled: Redis stayed away; it will be uncertain", "call_id", i.CallID(),
				"outcome", r.Result.Outcome.String())
			return
		}
	}
}

// retryAt is when the next attempt falls due by the job's policy; zero where none does. Waits are spread by a tenth, so
// that recipients who were busy together are not called together again.
func (d *Dispatcher) retryAt(i queue.Intent, r avanak.Report) time.Time {
	c, o := i.Claim(), r.Result.Outcome
	charged := c.Charged
	if o.Charged() {
		charged++
	}
	if o == avanak.Uncertain && c.Order.OnUncertain == avanak.Redial {
		return time.Now().Add(max(c.Order.Ring, d.cfg.Redial))
	}
	wait, again := c.Order.Retry.Next(o, i.Attempt(), charged)
	if r.Timeline.Invited.IsZero() && o == avanak.Congestion {
		// Nothing left: that is our fault, and no policy of the customer's makes the recipient pay for it.
		wait, again = max(wait, notSentWait), true
	}
	if !again {
		return time.Time{}
	}
	wait = max(wait, min(r.RetryAfter, 5*time.Minute))
	return time.Now().Add(wait + time.Duration(rand.Int64N(int64(wait)/10+1))) //nolint:gosec // spreading, not secrecy
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
