package campaign

import (
	"fmt"

	"github.com/avanak/avanak"
)

var (
	// ErrIdempotency means that the Idempotency-Key was used before, with another request. It wraps avanak.ErrConflict:
	// whoever tells them apart asks for this one first.
	ErrIdempotency = fmt.Errorf("this idempotency key was used with another request: %w", avanak.ErrConflict)
	// ErrTooMany means that the list makes the campaign larger than one may be: waiting does not help. It wraps
	// avanak.ErrLimited: whoever tells them apart asks for this one first.
	ErrTooMany = fmt.Errorf("too many recipients: %w", avanak.ErrLimited)
	// ErrSuppressed means that the message's number must not be called. It wraps avanak.ErrConflict: whoever tells them
	// apart asks for this one first.
	ErrSuppressed = fmt.Errorf("this number is on the suppression list: %w", avanak.ErrConflict)
)

// ListError is a fault of a list as a whole: it cannot be read as what it claims to be, and nothing of it was added.
type ListError struct {
	Line   int    // physical line, 1-based
	Reason string // for people; never holds a piece of the list
}

// Error names the line and the reason.
func (e *ListError) Error() string { return fmt.Sprintf("invalid list: line %d: %s", e.Line, e.Reason) }

// Is makes every ListError an avanak.ErrInvalid.
func (e *ListError) Is(target error) bool { return target == avanak.ErrInvalid }
