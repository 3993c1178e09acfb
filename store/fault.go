package store

import (
	"errors"
	"fmt"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/away"
)

// redisFault adds the operation to an error of Redis, and avanak.ErrUnavailable where the server is away, does not answer in
// time, or answers that it cannot serve. A caller's own cancellation, and what has been judged before, stay what they are.
func redisFault(op string, err error) error {
	if errors.Is(err, avanak.ErrUnavailable) || errors.Is(err, avanak.ErrConflict) {
		return fmt.Errorf("%s: %w", op, err)
	}
	if away.Is(err) {
		return fmt.Errorf("%s: %w: %w", op, avanak.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}
