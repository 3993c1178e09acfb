package queue

import (
	"errors"
	"fmt"

	"github.com/avanak/avanak"
)

// Why a script refused. Each is final for the lease that it was said to, and nothing was changed.
var (
	// ErrFenced means that the lease is not ours any more: a stale token changes nothing.
	ErrFenced = errors.New("lease lost to a newer token")
	// ErrPaused means that the campaign is paused (or not started).
	ErrPaused = errors.New("campaign is paused")
	// ErrCancelled means that the campaign was cancelled or is done.
	ErrCancelled = errors.New("campaign is cancelled")
	// ErrWindowClosed means that now is outside the permitted hours.
	ErrWindowClosed = errors.New("outside the calling window")
	// ErrExhausted means that the recipient has no tries left.
	ErrExhausted = errors.New("no tries left")
	// ErrExpired means that the message's time is over.
	ErrExpired = errors.New("message expired")
	// ErrFull means that the lane holds as many messages as it may.
	ErrFull = fmt.Errorf("fast lane is full: %w", avanak.ErrLimited)
	// ErrSchema means that a record was written by a newer version than this one.
	ErrSchema = errors.New("record is of a newer schema")
)
