package avanak

import (
	"fmt"
	"time"
)

// Run is a campaign's run state. Loading and Ready precede the first call; Paused and Running alternate; Cancelled and
// Done are final.
type Run string

// The run states, as they stand in Redis and in the API.
const (
	Loading      Run = "loading" // recipients are being added
	Running      Run = "running"
	Paused       Run = "paused"
	CancelledRun Run = "cancelled"
	Done         Run = "done"
)

// OnUncertain is what becomes of a recipient whose attempt's end is not known: the customer's written choice.
type OnUncertain string

// The choices.
const (
	Hold   OnUncertain = "hold"   // rest as uncertain; never redialled (default)
	Redial OnUncertain = "redial" // dial again where tries are left; the attempt is marked
)

// Bounds of a ring limit: shorter punishes the callee's walk to the phone, longer only holds a channel.
const (
	MinRing     = time.Second
	MaxRing     = 2 * time.Minute
	DefaultRing = 35 * time.Second
)

// Campaign is what a customer asked for: one clip to many recipients. It does not change after it is made; what moves
// is its Progress.
type Campaign struct {
	ID          string
	Tenant      string
	Name        string
	Clip        string // clip id
	Caller      Number // shown to the callee; 0 means the trunk's default
	Window      Window
	Retry       RetryPolicy
	Ring        time.Duration // ring limit
	OnUncertain OnUncertain
	Sandbox     bool // its calls go to the sandbox trunk
	Created     time.Time
}

// Validate names the first rule that the campaign breaks.
func (c Campaign) Validate() error {
	if n := len([]rune(c.Name)); n == 0 || n > 200 {
		return fmt.Errorf("%w: name must have 1 to 200 characters", ErrInvalid)
	}
	if err := checkCall(c.Clip, c.Ring, c.OnUncertain); err != nil {
		return err
	}
	if err := c.Window.Validate(); err != nil {
		return err
	}
	return c.Retry.Validate()
}

// checkCall judges what campaigns and messages say alike of a call.
func checkCall(clip string, ring time.Duration, choice OnUncertain) error {
	switch {
	case !ValidID(ClipPrefix, clip):
		return fmt.Errorf("%w: clip must be the id of an uploaded clip", ErrInvalid)
	case ring < MinRing || ring > MaxRing:
		return fmt.Errorf("%w: ring limit must be %s to %s", ErrInvalid, MinRing, MaxRing)
	case choice != Hold && choice != Redial:
		return fmt.Errorf("%w: on_uncertain must be %s or %s", ErrInvalid, Hold, Redial)
	}
	return nil
}

// Progress is where a campaign stands. The counts of states sum to Recipients.
type Progress struct {
	Run        Run
	Recipients int
	States     [States]int
	Attempts   int // recorded
	Answered   int // attempts that a callee answered
	InFlight   int // leased, dialled or not
	Rejected   int // rows of the customer's lists that named no new, callable number
	Started    time.Time
	Finished   time.Time
}

// Open is how many recipients have no terminal state yet.
func (p Progress) Open() int { return p.States[Pending] + p.States[Dialling] + p.States[RetryWait] }
