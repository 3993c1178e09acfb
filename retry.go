package avanak

import (
	"fmt"
	"time"
)

// RetryPolicy says which Outcome earns another attempt, and after how long. The zero value never retries.
type RetryPolicy struct {
	MaxAttempts int           // charged attempts, 1..MaxAttempts; 0 means 1
	Busy        time.Duration // wait after Busy; 0 means no retry
	NoAnswer    time.Duration // wait after NoAnswer; 0 means no retry
	Congestion  time.Duration // wait after Congestion; 0 means no retry
	// CongestionTries is how many attempts the trunk may fail without charge; 0 means 3.
	CongestionTries int
}

// DefaultRetry is used where a campaign says nothing.
func DefaultRetry() RetryPolicy {
	return RetryPolicy{MaxAttempts: 3, Busy: 3 * time.Minute, NoAnswer: 30 * time.Minute, Congestion: 10 * time.Second,
		CongestionTries: 3}
}

// A recipient waits longer after each time that a trunk refused us: by the first wait's end the trunk is paused, and the
// attempts that can be recorded last for most of a day of our wrong settings.
const (
	faultWait    = time.Minute
	maxFaultWait = 2 * time.Hour
)

// Limits returns the most charged and the most recorded attempts. What is recorded and not charged is bounded by what
// fits into the recipient's record only; Next is stricter with congestion.
func (p RetryPolicy) Limits() (charged, recorded int) { return max(p.MaxAttempts, 1), MaxAttempts }

// congestionLimit is how many attempts may be recorded before congestion ends the recipient.
func (p RetryPolicy) congestionLimit() int {
	charged, recorded := p.Limits()
	tries := p.CongestionTries
	if tries == 0 {
		tries = 3
	}
	return min(charged+tries, recorded)
}

// Next tells whether another attempt follows outcome o after this many recorded and charged attempts (the one that
// just ended included), and after which wait.
func (p RetryPolicy) Next(o Outcome, recorded, charged int) (wait time.Duration, again bool) {
	maxCharged, maxRecorded := p.Limits()
	if recorded >= maxRecorded || charged >= maxCharged {
		return 0, false
	}
	switch o {
	case Busy:
		wait = p.Busy
	case NoAnswer, Aborted: // a shutdown that cut the ringing short is no answer to the callee
		wait = p.NoAnswer
	case Congestion:
		if recorded >= p.congestionLimit() {
			return 0, false
		}
		wait = p.Congestion
	case TrunkFault: // no policy of the customer's makes a recipient pay for our settings
		free := recorded - charged // 15 at most: the shift stays small
		wait = max(p.Congestion, min(faultWait<<max(free-1, 0), maxFaultWait))
	default:
		return 0, false
	}
	return wait, wait > 0
}

// Validate names the first rule that the policy breaks.
func (p RetryPolicy) Validate() error {
	if p.MaxAttempts < 0 || p.MaxAttempts > MaxAttempts {
		return fmt.Errorf("%w: max_attempts must be 1 to %d", ErrInvalid, MaxAttempts)
	}
	if p.CongestionTries < 0 || p.CongestionTries > MaxAttempts {
		return fmt.Errorf("%w: congestion_tries must be 0 to %d", ErrInvalid, MaxAttempts)
	}
	for _, w := range []struct {
		name string
		wait time.Duration
	}{{"busy", p.Busy}, {"no_answer", p.NoAnswer}, {"congestion", p.Congestion}} {
		if w.wait < 0 || w.wait > 7*24*time.Hour {
			return fmt.Errorf("%w: retry after %s must be 0 to 168h", ErrInvalid, w.name)
		}
	}
	return nil
}
