package avanak

import "fmt"

// Outcome is how an attempt ended, as one byte of the result record: values are never renumbered.
type Outcome uint8

// The outcomes.
const (
	NoOutcome     Outcome = 0  // no attempt has ended yet
	Completed     Outcome = 1  // answered, and the whole clip was played
	Partial       Outcome = 2  // answered, and the callee hung up before the clip's end
	Busy          Outcome = 3  // 486, 600; Q.850 17
	NoAnswer      Outcome = 4  // rang until our ring limit, or 408, 480, 487, 491; Q.850 18, 19, 20, 31
	Rejected      Outcome = 5  // the callee refuses: 603 and its kin
	InvalidNumber Outcome = 6  // 404, 410, 416, 484, 604: no such callee
	Congestion    Outcome = 7  // the trunk could not: 503, 500, 502, 504 and their kin
	Failed        Outcome = 8  // ours: no common codec, a clip that cannot be played, a redirection (3xx) that we do not follow
	Uncertain     Outcome = 9  // the attempt's end is not known (crash or silence after the intent)
	Aborted       Outcome = 10 // we ended it: shutdown past the drain limit
	Suppressed    Outcome = 11 // never dialled: suppression list or emergency number
	Expired       Outcome = 12 // never dialled: its time was over
	Unwanted      Outcome = 13 // 607, 608: the callee wants no more such calls; the number is suppressed
	TrunkFault    Outcome = 14 // the trunk refuses us: 401, 403, 488 and their kin; nothing rang
)

var outcomeNames = [...]string{"none", "completed", "partial", "busy", "no_answer", "rejected", "invalid_number",
	"congestion", "failed", "uncertain", "aborted", "suppressed", "expired", "unwanted", "trunk_fault"}

// String returns the outcome's name as used in the API, logs and metrics.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// Answered tells whether the callee picked up.
func (o Outcome) Answered() bool { return o == Completed || o == Partial }

// Charged tells whether an attempt with this outcome uses up one of the recipient's tries. Where the trunk was at
// fault no phone rang, and the recipient keeps the try.
func (o Outcome) Charged() bool { return o != Congestion && o != TrunkFault }

// State returns the state in which a recipient rests when no further attempt follows this outcome.
func (o Outcome) State() State {
	switch o {
	case Completed:
		return Delivered
	case Partial:
		return PartlyHeard
	case Busy:
		return WasBusy
	case NoAnswer:
		return NotAnswered
	case Rejected, Unwanted:
		return WasRejected
	case InvalidNumber:
		return NumberInvalid
	case Uncertain:
		return IsUncertain
	case Suppressed:
		return IsSuppressed
	case Expired:
		return HasExpired
	case NoOutcome, Congestion, Failed, Aborted, TrunkFault:
	}
	return HasFailed
}
