package dispatcher

import (
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// Config is the dispatcher's settings.
type Config struct {
	// Prefetch is how many claims a campaign may hold ahead, at least; a campaign holds up to one second of the trunks'
	// pace. Small keeps pause sharp.
	Prefetch int
	// Heartbeat is the time between renewals of leases: a third of the queue's shorter lease time or less.
	Heartbeat time.Duration
	// Look is the time between looks for new campaigns and for fast messages whose wake-up got lost.
	Look time.Duration
	// Reap is the time between takings-up of leases whose node fell silent.
	Reap time.Duration
	// Stale is the age of an intent at which its INVITE may not leave any more. It is below the queue's DialTTL, so that
	// a process that was stopped and continued does not call on a lease that somebody else has taken up, and below the
	// queue's Guard, so that no INVITE leaves after the window's end.
	Stale time.Duration
	// Redial is the least time before an attempt whose end is not known is followed by another: a phone that rings for the
	// lost one rings until the carrier's own timer ends it (RFC 3261 section 16.6: more than three minutes).
	Redial time.Duration
	// Drain is how long running calls may go on after a shutdown began; then they are ended.
	Drain time.Duration
	// KeepEvents is how long the event stream reaches back.
	KeepEvents time.Duration
	// OnTransition is told of every change of a trunk's state, in order. The planner calls it: it must return at once. It
	// may be nil.
	OnTransition func(Transition)
}

// DefaultConfig returns settings that fit the queue's defaults.
func DefaultConfig() Config {
	return Config{Prefetch: 16, Heartbeat: 3 * time.Second, Look: 500 * time.Millisecond, Reap: 2 * time.Second,
		Stale: 4 * time.Second, Redial: 3 * time.Minute, Drain: time.Minute, KeepEvents: 24 * time.Hour}
}

// Validate names the first rule that the settings break.
func (c Config) Validate() error {
	for _, d := range []struct {
		name      string
		v         time.Duration
		low, high time.Duration
	}{
		{"heartbeat", c.Heartbeat, 100 * time.Millisecond, time.Minute},
		{"look", c.Look, 10 * time.Millisecond, time.Minute},
		{"reap", c.Reap, 100 * time.Millisecond, time.Minute},
		{"stale", c.Stale, 100 * time.Millisecond, time.Minute},
		{"redial", c.Redial, time.Second, time.Hour},
		{"drain", c.Drain, 0, time.Hour},
		{"keep_events", c.KeepEvents, time.Minute, 90 * 24 * time.Hour},
	} {
		if d.v < d.low || d.v > d.high {
			return fmt.Errorf("%w: %s must be %s to %s", avanak.ErrInvalid, d.name, d.low, d.high)
		}
	}
	if c.Prefetch < 1 || c.Prefetch > 1000 {
		return fmt.Errorf("%w: prefetch must be 1 to 1000", avanak.ErrInvalid)
	}
	return nil
}
