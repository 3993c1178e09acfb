package queue

import (
	"context"

	"github.com/avanak/avanak"
)

// Leg records that one more INVITE dialog of an attempt is about to leave, whose last leg is known dead, and returns the
// intent for it; the lease lasts a full DialTTL from then. What forbids Dial forbids Leg (ErrPaused, ErrCancelled,
// ErrWindowClosed, ErrExpired, ErrFenced), but tries are not counted again: it is the same attempt. After avanak.MaxLegs
// it is ErrExhausted. On any error i stands as it was and is to be settled. After avanak.ErrUnavailable the record may
// exist: repeating the call adds none, and a record whose INVITE never left is harmless.
func (q *Queue) Leg(ctx context.Context, i Intent) (Intent, error) {
	c, leg := i.claim, i.leg+1
	switch {
	case !i.Valid():
		return Intent{}, ErrFenced
	case leg > avanak.MaxLegs:
		return Intent{}, ErrExhausted
	}
	var code int
	var err error
	if c.Lane == avanak.Fast {
		s := shardOf(avanak.PartitionOf(c.Job))
		code, err = q.runInt(ctx, "fast_leg", []string{s.message(c.Job), s.deadlines(), s.events()}, q.clock, c.Job,
			c.Token, i.attempt, leg, q.cfg.Node, q.cfg.DialTTL.Milliseconds(), q.cfg.Guard.Milliseconds())
	} else {
		k := keysOf(c.Job)
		code, err = q.runInt(ctx, "leg", []string{k.hash, k.deadlines(), k.leases(), k.events()}, q.clock, c.Job,
			c.Order.Tenant, c.Ordinal, c.Token, i.attempt, leg, q.cfg.Node, q.cfg.DialTTL.Milliseconds(),
			q.cfg.Guard.Milliseconds())
	}
	if err != nil {
		return Intent{}, err
	}
	if err := refusal(code); err != nil {
		return Intent{}, err
	}
	i.leg = leg
	return i, nil
}
