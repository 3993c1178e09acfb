package dispatcher

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/avanak/avanak"
)

// trunk is a trunk's limits. All but the gate belong to the planner's goroutine.
type trunk struct {
	avanak.Trunk
	bucket *rate.Limiter
	gate   *Gate
	inUse  int
	broken breaker
}

func newTrunk(t avanak.Trunk) *trunk {
	return &trunk{Trunk: t, gate: newGate(t.CPS),
		bucket: rate.NewLimiter(rate.Limit(t.CPS*avanak.PaceShare), 1)} // burst 1: carriers count per second or finer
}

// ready returns how long until a call may go: until the bucket has a token, or a failing trunk may be tried again; 0 means
// now.
func (t *trunk) ready(now time.Time) time.Duration {
	if wait, open := t.broken.open(now); open {
		return wait
	}
	missing := 1 - t.bucket.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing/float64(t.bucket.Limit())*float64(time.Second)) + time.Microsecond
}

func (t *trunk) full() bool { return t.inUse >= t.Channels }
