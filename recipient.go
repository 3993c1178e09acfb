package avanak

import (
	"fmt"
	"time"
)

// State is where a recipient (or a fast message) stands, as the low nibble of its state byte: values are never
// renumbered. Pending, Dialling and RetryWait are open, the others terminal. Cancelled is never written per recipient
// of a campaign: it is derived from the campaign's Run for those still open, so that cancel is O(1).
type State uint8

// The states.
const (
	Pending       State = 0
	Dialling      State = 1
	RetryWait     State = 2
	Delivered     State = 3
	PartlyHeard   State = 4
	WasBusy       State = 5
	NotAnswered   State = 6
	WasRejected   State = 7
	HasFailed     State = 8
	NumberInvalid State = 9
	Cancelled     State = 10
	IsSuppressed  State = 11
	HasExpired    State = 12
	IsUncertain   State = 13
	States              = 14 // how many there are
)

var stateNames = [...]string{"pending", "dialling", "retry_wait", "delivered", "partial", "busy", "no_answer", "rejected",
	"failed", "invalid_number", "cancelled", "suppressed", "expired", "uncertain"}

// String returns the state's name as used in the API and in reports.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Terminal tells whether nothing more will happen to a recipient in this state.
func (s State) Terminal() bool { return s >= Delivered }

// MaxAttempts is the most attempts that can be recorded for one recipient: the high nibble of its state byte.
const MaxAttempts = 15

// Result is what is kept of a recipient's last attempt, 16 bytes in the queue.
type Result struct {
	Outcome Outcome
	SIP     int           // final SIP status, 0 where none came
	Cause   int           // Q.850 cause, 0 where none was given
	Started time.Time     // INVITE on the wire, whole seconds; zero where none left
	Ring    time.Duration // INVITE to answer or end, tenths of a second
	Talk    time.Duration // answer to end, tenths of a second
	Played  time.Duration // of the clip, tenths of a second
}

// Recipient is one number of a campaign with what became of it.
type Recipient struct {
	Ordinal  uint32
	Number   Number
	State    State
	Attempts int // recorded, the trunk's failures included
	Result   Result
}
