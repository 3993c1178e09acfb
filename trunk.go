package avanak

import (
	"fmt"
	"time"
)

// Trunk is a carrier route as the pace sees it; how to signal over it is sip's business.
type Trunk struct {
	Name     string
	CPS      float64 // new calls a second that the carrier permits; digest retries and legs count
	Channels int     // calls at once
	Sandbox  bool    // leads to the callee farm, not to people
}

// Validate names the first rule that the trunk breaks.
func (t Trunk) Validate() error {
	switch {
	case t.Name == "":
		return fmt.Errorf("%w: a trunk needs a name", ErrInvalid)
	case !(t.CPS >= 0.1 && t.CPS <= 10000): // also refuses NaN
		return fmt.Errorf("%w: trunk %s: cps must be 0.1 to 10000", ErrInvalid, t.Name)
	case t.Channels < 1 || t.Channels > 100000:
		return fmt.Errorf("%w: trunk %s: channels must be 1 to 100000", ErrInvalid, t.Name)
	}
	return nil
}

// PaceShare is the part of a trunk's CPS at which we aim: the rest absorbs jitter on the way to the carrier's counter.
const PaceShare = 0.95

// Interval is the time between two calls at our pace.
func (t Trunk) Interval() time.Duration {
	return time.Duration(float64(time.Second) / (t.CPS * PaceShare))
}

// Route is the way of one leg: its trunk, and the far ends of that trunk that earlier legs of the same attempt went to, as
// "ip:port" (Report.Target), so that a further leg over it goes to another.
type Route struct {
	Trunk string
	Tried []string
}
