package queue

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/avanak/avanak"
)

// Load is an upload of recipients into a campaign that has not started. Nothing of it exists before Commit; a later
// Load of the same campaign takes the right away from an earlier one (avanak.ErrConflict for the latter).
type Load struct {
	q     *Queue
	k     campaignKeys
	id    string
	token string
	base  int // committed before this load
	n     int // base and what was appended
	count [avanak.States]int
}

// BeginLoad starts an upload, which the token (random, never empty) names.
func (q *Queue) BeginLoad(ctx context.Context, id, token string) (*Load, error) {
	if token == "" {
		return nil, fmt.Errorf("%w: an upload needs a token", avanak.ErrInvalid)
	}
	k := keysOf(id)
	code, rest, err := q.runCode(ctx, "load", []string{k.hash}, token)
	if err != nil {
		return nil, err
	}
	switch {
	case code == 0:
		return nil, fmt.Errorf("campaign %s: %w", id, avanak.ErrNotFound)
	case code < 0:
		return nil, fmt.Errorf("%w: recipients can be added before the start only; this campaign is %v", avanak.ErrConflict, rest[0])
	}
	n, err := asInt(rest[0])
	if err != nil {
		return nil, fmt.Errorf("queue load: %w", err)
	}
	return &Load{q: q, k: k, id: id, token: token, base: int(n), n: int(n)}, nil
}

// Committed is how many recipients the campaign had before this load.
func (l *Load) Committed() int { return l.base }

// Numbers yields the committed recipients' numbers.
func (l *Load) Numbers(ctx context.Context) iter.Seq2[avanak.Number, error] {
	return func(yield func(avanak.Number, error) bool) {
		for seg := 0; seg*SegmentSize < l.base; seg++ {
			count := min(SegmentSize, l.base-seg*SegmentSize)
			b, err := l.q.rdb.GetRange(ctx, l.k.numbers(seg), 0, int64(count*numberBytes-1)).Bytes()
			if err == nil && len(b) != count*numberBytes {
				err = fmt.Errorf("segment %d holds %d bytes of numbers, want %d", seg, len(b), count*numberBytes)
			}
			if err != nil {
				yield(0, fmt.Errorf("read recipients of campaign %s: %w", l.id, unavailable(err)))
				return
			}
			for ; len(b) > 0; b = b[numberBytes:] {
				if !yield(avanak.Number(binary.BigEndian.Uint64(b)), nil) {
					return
				}
			}
		}
	}
}

// Append writes recipients behind the ones that are there: Pending, or IsSuppressed where they must not be called.
func (l *Load) Append(ctx context.Context, numbers []avanak.Number, states []avanak.State) error {
	if len(numbers) != len(states) {
		return fmt.Errorf("%w: %d numbers but %d states", avanak.ErrInvalid, len(numbers), len(states))
	}
	for len(numbers) > 0 {
		seg, off := l.n/SegmentSize, l.n%SegmentSize
		count := min(len(numbers), SegmentSize-off)
		for _, s := range states[:count] {
			if s != avanak.Pending && s != avanak.IsSuppressed {
				return fmt.Errorf("%w: a recipient cannot be loaded as %s", avanak.ErrInvalid, s)
			}
		}
		code, err := l.q.runInt(ctx, "append", []string{l.k.hash, l.k.numbers(seg), l.k.states(seg), l.k.results(seg)},
			l.token, off, packNumbers(numbers[:count]), packStates(states[:count]))
		if err != nil {
			return err
		}
		if code != 1 {
			return fmt.Errorf("%w: another upload took over", avanak.ErrConflict)
		}
		for _, s := range states[:count] {
			l.count[s]++
		}
		l.n += count
		numbers, states = numbers[count:], states[count:]
	}
	return nil
}

// Commit makes the appended recipients part of the campaign, all at once, and counts the rows that were refused.
func (l *Load) Commit(ctx context.Context, rejected int) error {
	code, _, err := l.q.runCode(ctx, "commit", []string{l.k.hash}, l.token, l.base, l.n, l.count[avanak.Pending],
		l.count[avanak.IsSuppressed], rejected)
	if err != nil {
		return err
	}
	if code != 1 {
		return fmt.Errorf("%w: another upload took over, or the campaign started", avanak.ErrConflict)
	}
	return nil
}
