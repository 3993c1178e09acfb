package dispatcher

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// notSentWait is when a call is tried again that we could not place.
const notSentWait = 10 * time.Second

// lastTries is how long a settlement is tried again once the drain limit is over: longer than the embedded store takes to
// come back, shorter than an operator's patience. What stays unsettled is uncertain, and no more than that.
const lastTries = 15 * time.Second

// lasting is the context of what must be recorded of a call that is over: it outlives the call's, and ends long after the
// lease is lost, or lastTries after the drain limit, when calls ended.
func lasting(calls context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	stop := context.AfterFunc(calls, func() {
		time.AfterFunc(lastTries, cancel)
	})
	return ctx, func() { stop(); cancel() }
}

// unwanted puts a number on the suppression list whose callee has said that it wants no more calls of this kind, whoever
// asks for them (RFC 8197, RFC 8688). It goes before the settlement: once the attempt is closed, nobody would remember.
func (d *Dispatcher) unwanted(calls context.Context, i queue.Intent) {
	d.metrics.unwanted.Inc()
	ctx, cancel := lasting(calls)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		err := d.suppressed.Add(ctx, i.Claim().Number)
		if err == nil {
			return
		}
		d.metrics.errors.WithLabelValues("unwanted").Inc()
		if !errors.Is(err, avanak.ErrUnavailable) || !sleep(ctx, min(wait, 2*time.Second)) {
			d.log.Error("number is not suppressed, though its callee wants no more calls", "call_id", i.CallID(), "err", err)
			return
		}
	}
}

// settle closes the attempt, as long as it takes: what rang must be recorded. Redis being away delays it; the lease
// lasts while the heartbeats go on. calls is the context that ended calls at the drain limit.
func (d *Dispatcher) settle(calls context.Context, i queue.Intent, r avanak.Report) {
	ctx, cancel := lasting(calls)
	defer cancel()
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
	if o == avanak.Congestion && (r.Timeline.Invited.IsZero() || classOf(r) == avanak.ClassUs) {
		// Nothing left, or not again with credentials: that is our fault, and no policy of the customer's makes the recipient pay for it.
		wait, again = max(wait, notSentWait), true
	}
	if !again {
		return time.Time{}
	}
	wait = max(wait, min(r.RetryAfter, 5*time.Minute))
	return time.Now().Add(wait + time.Duration(rand.Int64N(int64(wait)/10+1))) //nolint:gosec // spreading, not secrecy
}
