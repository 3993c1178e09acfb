package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// maxClaim bounds what one script takes, so that no script holds Redis for long.
const maxClaim = 100

func claimable(want int) int { return max(0, min(want, maxClaim)) }

// Claim leases recipients of a campaign that are to be called next: at most want (and 100). None is a valid answer;
// ErrPaused, ErrWindowClosed and ErrCancelled say why there can be none.
func (q *Queue) Claim(ctx context.Context, c avanak.Campaign, want int) ([]Claim, error) {
	k := keysOf(c.ID)
	code, rest, err := q.runCode(ctx, "claim", []string{k.hash, k.ready(), k.deadlines(), k.leases()}, q.clock,
		claimable(want), q.cfg.ClaimTTL.Milliseconds(), q.cfg.Node)
	if err != nil {
		return nil, err
	}
	switch code {
	case 0:
		return nil, fmt.Errorf("campaign %s: %w", c.ID, avanak.ErrNotFound)
	case -1:
		return nil, ErrPaused
	case -2:
		return nil, ErrWindowClosed
	case -3:
		return nil, ErrCancelled
	}
	const width = 5
	if len(rest)%width != 0 {
		return nil, fmt.Errorf("queue claim: reply of %d fields", len(rest))
	}
	taken, order := time.Now(), orderOf(c)
	claims := make([]Claim, 0, len(rest)/width)
	for ; len(rest) > 0; rest = rest[width:] {
		ord, err1 := asInt(rest[0])
		token, err2 := asInt(rest[1])
		attempts, err3 := asInt(rest[3])
		uncharged, err4 := asInt(rest[4])
		number, _ := rest[2].(string)
		if err := errors.Join(err1, err2, err3, err4); err != nil || len(number) != numberBytes {
			return nil, fmt.Errorf("queue claim: malformed reply for ordinal %d: %w", ord, err)
		}
		claims = append(claims, Claim{Lane: avanak.Bulk, Job: c.ID, Ordinal: uint32(ord), //nolint:gosec // below n
			Number: avanak.Number(binary.BigEndian.Uint64([]byte(number))), Token: uint64(token), //nolint:gosec // grows from 1
			Attempts: int(attempts), Charged: int(attempts - uncharged), Order: order, Taken: taken})
	}
	return claims, nil
}

// Dial records the intent to call: the point of no return. On any error nothing was recorded and nothing may ring,
// except avanak.ErrUnavailable, after which the record may exist: repeat the call, or leave the claim to Reap.
func (q *Queue) Dial(ctx context.Context, c Claim) (Intent, error) {
	var (
		code int
		rest []any
		err  error
	)
	if c.Lane == avanak.Fast {
		s := shardOf(avanak.PartitionOf(c.Job))
		code, rest, err = q.runCode(ctx, "fast_dial", []string{s.message(c.Job), s.deadlines(), s.events()}, q.clock, c.Job,
			c.Token, q.cfg.Node, q.cfg.DialTTL.Milliseconds(), q.cfg.Guard.Milliseconds())
	} else {
		k := keysOf(c.Job)
		code, rest, err = q.runCode(ctx, "dial", []string{k.hash, k.deadlines(), k.leases(), k.events()}, q.clock, c.Job,
			c.Order.Tenant, c.Ordinal, c.Token, q.cfg.Node, q.cfg.DialTTL.Milliseconds(), q.cfg.Guard.Milliseconds())
	}
	if err != nil {
		return Intent{}, err
	}
	if err := refusal(code); err != nil {
		return Intent{}, err
	}
	if len(rest) != 2 {
		return Intent{}, fmt.Errorf("queue dial: reply of %d fields", len(rest))
	}
	attempt, err1 := asInt(rest[0])
	after, err2 := asInt(rest[1])
	if err := errors.Join(err1, err2); err != nil || attempt < 1 {
		return Intent{}, fmt.Errorf("queue dial: malformed reply: %w", err)
	}
	return Intent{claim: c, attempt: int(attempt), afterUncertain: after == 1, leg: 1}, nil
}

// refusal is what a code of dial and leg means; nil where it is the OK.
func refusal(code int) error {
	switch code {
	case 1:
		return nil
	case -2:
		return ErrPaused
	case -3:
		return ErrCancelled
	case -4:
		return ErrWindowClosed
	case -5:
		return ErrExhausted
	case -6:
		return ErrExpired
	}
	return ErrFenced
}

// Skip closes a claim without an attempt: the recipient is suppressed, its time is over, or it has no tries left.
func (q *Queue) Skip(ctx context.Context, c Claim, o avanak.Outcome) error {
	var code int
	var err error
	if c.Lane == avanak.Fast {
		s := shardOf(avanak.PartitionOf(c.Job))
		code, err = q.runInt(ctx, "fast_skip", []string{s.message(c.Job), s.deadlines(), s.events()}, q.clock, c.Job,
			c.Token, int(o), int(o.State()), q.cfg.Retention.Milliseconds())
	} else {
		k := keysOf(c.Job)
		code, err = q.runInt(ctx, "skip", []string{k.hash, k.deadlines(), k.leases(), k.events(), k.dir()}, q.clock, c.Job,
			c.Order.Tenant, c.Ordinal, c.Token, int(o), int(o.State()))
	}
	if err != nil {
		return err
	}
	if code != 1 {
		return ErrFenced
	}
	return nil
}

// Release gives claims back that were not dialled; those whose lease is lost are passed over.
func (q *Queue) Release(ctx context.Context, claims ...Claim) error {
	bulk := make(map[string][]any)
	for _, c := range claims {
		if c.Lane == avanak.Bulk {
			bulk[c.Job] = append(bulk[c.Job], c.Ordinal, c.Token)
			continue
		}
		s := shardOf(avanak.PartitionOf(c.Job))
		if _, err := q.runInt(ctx, "fast_release", []string{s.message(c.Job), s.deadlines(), s.queue()}, c.Job,
			c.Token); err != nil {
			return err
		}
	}
	for job, args := range bulk {
		k := keysOf(job)
		if _, err := q.runInt(ctx, "release", []string{k.ready(), k.deadlines(), k.leases()}, args...); err != nil {
			return err
		}
	}
	return nil
}
