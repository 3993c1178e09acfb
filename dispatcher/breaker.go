package dispatcher

import (
	"time"

	"github.com/avanak/avanak"
)

// A dead trunk must not eat a campaign: each call placed over it ends a recipient as uncertain, or uses up a try.
const (
	// breakAfter is how many attempts in a row the trunk must fail, without any word of a callee in between.
	breakAfter = 10
	// breakFor is how long the trunk then rests before a single call probes it.
	breakFor = 15 * time.Second
)

// breaker closes a trunk that fails and lets one call at a time find out whether it works again. It belongs to the
// planner's goroutine.
type breaker struct {
	faults  int       // in a row
	until   time.Time // no call before it, once faults has reached breakAfter
	probing bool      // a call is finding out
}

// open tells whether the trunk is closed for calls, and for how much longer at least.
func (b *breaker) open(now time.Time) (time.Duration, bool) {
	switch {
	case b.faults < breakAfter:
		return 0, false
	case now.Before(b.until):
		return b.until.Sub(now), true
	case b.probing:
		return idle, true // the end of the probe wakes the planner
	}
	return 0, false
}

// took notes that a call goes over the trunk.
func (b *breaker) took() { b.probing = b.faults >= breakAfter }

// ended takes in how a call ended, and tells whether the trunk's state changed.
func (b *breaker) ended(now time.Time, r avanak.Report) (changed bool) {
	was := b.faults >= breakAfter
	b.probing = false // also where nothing left: the next call finds out instead
	switch {
	case trunkFault(r):
		b.faults++
	case r.Timeline.Invited.IsZero():
		return false // nothing left: says nothing about the trunk
	default:
		b.faults = 0
	}
	if b.faults >= breakAfter {
		b.until = now.Add(max(breakFor, min(r.RetryAfter, 5*time.Minute)))
	}
	return was != (b.faults >= breakAfter)
}

// trunkFault tells whether an INVITE left and the trunk, not the callee, failed it.
func trunkFault(r avanak.Report) bool {
	o := r.Result.Outcome
	return !r.Timeline.Invited.IsZero() && (o == avanak.Congestion || o == avanak.TrunkFault || o == avanak.Uncertain)
}
