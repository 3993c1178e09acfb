package avanak

import "time"

// Timeline holds the instants of an attempt; an instant that was not reached is zero. Each carries Go's monotonic
// reading where the same process took it, so that differences are immune to clock steps.
type Timeline struct {
	Accepted  time.Time `json:"t0,omitzero"`  // request accepted, or the retry fell due
	Taken     time.Time `json:"t1,omitzero"`  // leased by a dispatcher
	Invited   time.Time `json:"t2,omitzero"`  // INVITE on the wire
	Ringing   time.Time `json:"t3,omitzero"`  // first 18x (or the 2xx where none came)
	Answered  time.Time `json:"t4,omitzero"`  // 2xx
	FirstRTP  time.Time `json:"t5r,omitzero"` // first RTP packet (of the lead-in)
	FirstClip time.Time `json:"t5,omitzero"`  // first RTP packet of the clip
	LastRTP   time.Time `json:"t6,omitzero"`  // last RTP packet
	Ended     time.Time `json:"t7,omitzero"`  // call over
}

// FastLatency is the part of a fast message's delivery that we answer for: (t2−t0) + (t3−t2) + (t5−t4). Ring time is
// the callee's. It is negative where the attempt did not reach the clip.
func (t Timeline) FastLatency() time.Duration {
	if t.FirstClip.IsZero() || t.Accepted.IsZero() || t.Ringing.IsZero() {
		return -1
	}
	return t.Ringing.Sub(t.Accepted) + t.FirstClip.Sub(t.Answered)
}

// Report is what one attempt came to: the result to store, the phases, and which trunk carried it.
type Report struct {
	Result     Result
	Timeline   Timeline
	Trunk      string
	Target     string        // ip:port of the far end that the last INVITE went to, "" where none left
	Class      Class         // what the end says, and about whom
	Dead       bool          // nothing rang and nothing can ring any more: a further leg may be placed at once
	Legs       int           // INVITE dialogs of this attempt; 0 counts as 1
	RetryAfter time.Duration // what the final response asked for, 0 where it did not
	Ended      Side          // who ended an answered call
	Detail     string        // one line for people; never holds a number
}

// MaxLegs is the most legs of one attempt: the first, and those that follow where the one before is known dead. It bounds
// what one recipient may cost the trunks while they fail.
const MaxLegs = 3

// Side is who ended an answered call.
type Side string

// The sides.
const (
	Nobody Side = ""
	Us     Side = "us"
	Callee Side = "callee"
)
