package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// Settle closes an attempt: the lease, the state, the result, the counters and the event change in one script. retryAt
// is when the next attempt falls due; zero asks for none, and the script grants none where no tries are left, where the
// campaign was cancelled, or where the message will have expired. ErrFenced means that the lease was lost and the
// attempt belongs to somebody else now. Repeating a Settle whose answer was lost is safe (SettledDup).
func (q *Queue) Settle(ctx context.Context, i Intent, r avanak.Report, retryAt time.Time) (Settled, error) {
	c, o := i.claim, r.Result.Outcome
	charged := flag(o.Charged())
	var code int
	var err error
	if c.Lane == avanak.Fast {
		timeline, encodeErr := json.Marshal(r.Timeline)
		if encodeErr != nil {
			return 0, fmt.Errorf("encode timeline of %s: %w", c.Job, encodeErr)
		}
		due := int64(0)
		if !retryAt.IsZero() {
			due = retryAt.UnixMilli()
		}
		s := shardOf(avanak.PartitionOf(c.Job))
		code, err = q.runInt(ctx, "fast_settle", []string{s.message(c.Job), s.deadlines(), s.events(), s.queue()}, q.clock,
			c.Job, c.Token, i.attempt, int(o), int(o.State()), packResult(r.Result), due, charged, r.Trunk, timeline,
			q.cfg.Retention.Milliseconds(), max(r.Legs, 1))
	} else {
		due := int64(0)
		if !retryAt.IsZero() {
			due = retryAt.Unix() + 1 // buckets are whole seconds; never earlier than asked
		}
		k := keysOf(c.Job)
		code, err = q.runInt(ctx, "settle", []string{k.hash, k.deadlines(), k.leases(), k.events(), k.dir(), k.buckets(),
			k.bucket(due)}, q.clock, c.Job, c.Order.Tenant, c.Ordinal, c.Token, i.attempt, int(o), int(o.State()),
			packResult(r.Result), due, charged, flag(o.Answered()), r.Trunk, max(r.Legs, 1))
	}
	if err != nil {
		return 0, err
	}
	if code < 0 {
		return 0, ErrFenced
	}
	return Settled(code), nil //nolint:gosec // 0..3
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
