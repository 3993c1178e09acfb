package campaign

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/avanak/avanak"
)

// Format is how a list of recipients is written.
type Format uint8

// The formats.
const (
	CSV    Format = iota // one record a line, RFC 4180, as spreadsheets write it
	NDJSON               // one object a line: {"number":"…"}
)

// maxReported is how many refused rows a Receipt names.
const maxReported = 1000

// Receipt says what became of a list's rows: each is counted once, so that Rows is the sum of the six counts behind it.
type Receipt struct {
	Rows        int   // header and blank lines are none
	Accepted    int   // will be called
	Suppressed  int   // are recipients too, but must not be called
	Duplicates  int   // name a number that the campaign, or an earlier row, has
	Invalid     int   // name no Iranian number (reasons invalid and scientific)
	Emergency   int   // name an emergency or short code
	Destination int   // name a destination that is not open
	Rejected    []Row // the first 1000 that were refused, in the list's order
	Truncated   bool  // more were refused
	Recipients  int   // of the campaign, with these
}

// refused is how many rows became no recipient.
func (r *Receipt) refused() int { return r.Duplicates + r.Invalid + r.Emergency + r.Destination }

// Row is a refused row of a list.
type Row struct {
	Line   int    // physical line on which it starts, 1-based
	Reason string // invalid, scientific, duplicate, emergency or destination
}

// Load adds the recipients of a list to a campaign that has not started: all that can be called, or none. It reads the
// body once and to its end, and keeps 8 bytes of a number. A row that is refused does not stop the others. A list that is
// broken is a *ListError; one over Config.MaxRecipients is ErrTooMany, one while other uploads fill Config.MaxHeld avanak.ErrLimited;
// a campaign that started, or a later upload that took over, is avanak.ErrConflict. Until a list has been loaded without
// such an error the campaign does not start. Errors of the body are passed on.
func (s *Service) Load(ctx context.Context, tenant, id string, f Format, body io.Reader) (Receipt, error) {
	list, err := open(f, body)
	if err != nil {
		return Receipt{}, fmt.Errorf("load recipients: %w", err)
	}
	if _, _, err := s.own(ctx, tenant, id); err != nil {
		return Receipt{}, err
	}
	load, err := s.jobs.BeginLoad(ctx, id, rand.Text())
	if err != nil {
		return Receipt{}, err
	}
	u := upload{s: s, seen: newNumberSet(load.Committed())}
	defer u.release()
	if err := u.remember(load.Numbers(ctx)); err != nil {
		return Receipt{}, err
	}
	if err := u.read(ctx, list); err != nil {
		return Receipt{}, fmt.Errorf("load recipients: %w", err)
	}
	states, err := u.states(ctx)
	if err != nil {
		return Receipt{}, fmt.Errorf("load recipients: %w", err)
	}
	if err := load.Append(ctx, u.numbers, states); err != nil {
		return Receipt{}, fmt.Errorf("load recipients: %w", err)
	}
	if err := load.Commit(ctx, u.receipt.refused()); err != nil {
		return Receipt{}, fmt.Errorf("load recipients: %w", err)
	}
	u.receipt.Recipients = load.Committed() + len(u.numbers)
	return u.receipt, nil
}

func open(f Format, body io.Reader) (rows, error) {
	switch f {
	case CSV:
		return &csvList{lines: newLines(body)}, nil
	case NDJSON:
		return &ndjsonList{lines: newLines(body)}, nil
	}
	return nil, fmt.Errorf("%w: a list is CSV or NDJSON", avanak.ErrInvalid)
}
