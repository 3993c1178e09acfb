package campaign

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"

	"github.com/avanak/avanak"
)

const (
	heldStep  = 16 << 10 // numbers for which an upload takes room in memory at once
	batchSize = 1000     // numbers of one question to the suppressions
	checkRows = 1 << 10  // rows between two looks at the context
)

// upload is one list on its way: what was read and judged, and nothing that anybody else sees.
type upload struct {
	s       *Service
	seen    *numberSet // the campaign's numbers and the list's
	numbers []avanak.Number
	receipt Receipt
	held    int64 // of Service.held, by this upload
}

// remember takes up the numbers that the campaign has.
func (u *upload) remember(committed iter.Seq2[avanak.Number, error]) error {
	for n, err := range committed {
		if err != nil {
			return err
		}
		if err := u.room(); err != nil {
			return err
		}
		u.seen.add(n)
	}
	return nil
}

// read judges every row of the list.
func (u *upload) read(ctx context.Context, list rows) error {
	for {
		r, err := list.next()
		if errors.Is(err, errEnd) {
			return nil
		}
		if err != nil {
			return err
		}
		if u.receipt.Rows++; u.receipt.Rows%checkRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := u.judge(r); err != nil {
			return err
		}
	}
}

// judge counts a row as one thing or another. Its error is not about the row: there is no room for it.
func (u *upload) judge(r row) error {
	n, err := avanak.ParseNumber(string(r.text))
	if err != nil {
		u.refuse(r.line, fault(r.text, err))
		return nil
	}
	if err := u.room(); err != nil {
		return err
	}
	if !u.seen.add(n) {
		u.refuse(r.line, "duplicate")
		return nil
	}
	if u.seen.n > u.s.cfg.MaxRecipients {
		return fmt.Errorf("%w: a campaign has at most %d", ErrTooMany, u.s.cfg.MaxRecipients)
	}
	u.numbers = append(u.numbers, n)
	return nil
}

func (u *upload) refuse(line int, reason string) {
	switch reason {
	case "duplicate":
		u.receipt.Duplicates++
	case "emergency":
		u.receipt.Emergency++
	case "destination":
		u.receipt.Destination++
	default:
		u.receipt.Invalid++
	}
	if len(u.receipt.Rejected) == maxReported {
		u.receipt.Truncated = true
		return
	}
	u.receipt.Rejected = append(u.receipt.Rejected, Row{Line: line, Reason: reason})
}

// scientific matches what spreadsheets make of a number that they take for a quantity: 9.12E+09. Its digits are lost.
var scientific = regexp.MustCompile(`^[\s+-]*\pN+([.,٫/]\pN+)?[eE][+-]?\pN+\s*$`)

func fault(text []byte, err error) string {
	const longest = 64 // nothing that a spreadsheet writes so is longer
	if len(text) <= longest && scientific.Match(text) {
		return "scientific"
	}
	return avanak.NumberFault(err)
}

// states asks which of the numbers must not be called, and returns the state in which each becomes a recipient.
func (u *upload) states(ctx context.Context) ([]avanak.State, error) {
	states := make([]avanak.State, 0, len(u.numbers))
	for batch := range slices.Chunk(u.numbers, batchSize) {
		answer, err := u.s.suppressed.HasMany(ctx, batch)
		if err != nil {
			return nil, fmt.Errorf("look up suppressions: %w", err)
		}
		if len(answer) != len(batch) {
			return nil, fmt.Errorf("look up suppressions: %w: %d answers to %d numbers", avanak.ErrUnavailable, len(answer),
				len(batch))
		}
		for _, suppressed := range answer {
			if suppressed {
				states = append(states, avanak.IsSuppressed)
				u.receipt.Suppressed++
			} else {
				states = append(states, avanak.Pending)
				u.receipt.Accepted++
			}
		}
	}
	return states, nil
}

// room makes sure that one more number may be held in memory.
func (u *upload) room() error {
	if int64(u.seen.n) < u.held {
		return nil
	}
	if u.s.held.Add(heldStep)-heldStep >= int64(u.s.cfg.MaxHeld) {
		u.s.held.Add(-heldStep)
		return fmt.Errorf("%w: uploads under way fill the room for numbers; try again later", avanak.ErrLimited)
	}
	u.held += heldStep
	return nil
}

func (u *upload) release() { u.s.held.Add(-u.held) }
