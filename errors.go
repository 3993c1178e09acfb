package avanak

import "errors"

// What callers branch on. Packages wrap these with the operation and the key fact; only api turns them into answers.
var (
	// ErrNotFound means that no such thing exists for this tenant.
	ErrNotFound = errors.New("not found")
	// ErrConflict means that the thing is in a state which does not allow the move.
	ErrConflict = errors.New("conflict")
	// ErrInvalid means that the input breaks a stated rule.
	ErrInvalid = errors.New("invalid")
	// ErrLimited means that a stated limit is reached; trying later may work.
	ErrLimited = errors.New("limit reached")
	// ErrUnavailable means that a part that we need (Redis, disk) is away; trying later may work.
	ErrUnavailable = errors.New("unavailable")
)
