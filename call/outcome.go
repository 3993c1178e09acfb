package call

import (
	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip"
)

// outcomes is what a class means for the recipient. ClassUs is left out: it depends on how far the call had come.
var outcomes = map[avanak.Class]avanak.Outcome{
	avanak.ClassAnswered:   avanak.Partial, // too late for the clip: the callee heard nothing, but has picked up
	avanak.ClassAway:       avanak.NoAnswer,
	avanak.ClassRefused:    avanak.Rejected,
	avanak.ClassUnwanted:   avanak.Unwanted,
	avanak.ClassNumber:     avanak.InvalidNumber,
	avanak.ClassCongestion: avanak.Congestion,
	avanak.ClassSilent:     avanak.Uncertain,
	avanak.ClassFault:      avanak.TrunkFault,
}

// away parts ClassAway by cause: who talks will be free sooner than who does not pick up. Other causes leave the word to
// the status.
var away = map[int]avanak.Outcome{
	17: avanak.Busy,
	18: avanak.NoAnswer, 19: avanak.NoAnswer, 20: avanak.NoAnswer, 31: avanak.NoAnswer,
}

// Statuses that part a class further.
const (
	statusBusyHere       = 486
	statusBusyEverywhere = 600
	lastRedirect         = 399
)

// refused turns a final response into an outcome with a line for people.
func refused(r sip.Result) (avanak.Outcome, string) {
	outcome, ok := outcomes[r.Class]
	if !ok {
		return avanak.Uncertain, "internal fault"
	}
	if !outcome.Charged() && !r.Timing.Ringing.IsZero() {
		// The trunk gave up, but a phone has rung: to the callee that was a call, and the next one is not due in seconds.
		return avanak.NoAnswer, r.Reason
	}
	switch r.Class {
	case avanak.ClassAway:
		if byCause, ok := away[r.Cause]; ok {
			outcome = byCause
		} else if r.Status == statusBusyHere || r.Status == statusBusyEverywhere {
			outcome = avanak.Busy
		}
	case avanak.ClassRefused:
		if r.Status <= lastRedirect { // it is we who go no further: the callee has refused nothing
			return avanak.Failed, "redirected to another address; not followed"
		}
	default:
	}
	return outcome, r.Reason
}

// unanswered turns the end of an INVITE that nobody answered in time into an outcome with a line for people.
func unanswered(r sip.Result) (avanak.Outcome, string) {
	switch {
	case r.Late && r.End == sip.RingLimit:
		return outcomes[r.Class], "answered after the ring limit; ended at once"
	case r.Late && r.End == sip.Cancelled:
		return outcomes[r.Class], "answered while shutting down; ended at once"
	case r.End == sip.Refused || r.Class == avanak.ClassUnwanted:
		return refused(r)
	}
	switch r.End {
	case sip.NotSent: // no phone rang, whoever is to blame: the recipient keeps the try
		return avanak.Congestion, "not sent"
	case sip.RingLimit:
		return outcomes[r.Class], "ring limit"
	case sip.Silent:
		return outcomes[r.Class], "the trunk did not respond"
	case sip.Cancelled:
		if r.Timing.FirstProvisional.IsZero() && r.Status == 0 {
			return avanak.Uncertain, "shutdown before the trunk responded" // no CANCEL may be sent, and a phone may ring
		}
		return avanak.Aborted, "shutdown"
	case sip.Refused, sip.Broken, sip.Answered:
	}
	return avanak.Uncertain, "internal fault"
}
