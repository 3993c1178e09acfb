package call

import (
	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip"
)

// byCause maps Q.850 causes (ITU-T Q.850, carried by RFC 3326 Reason) to outcomes. A cause that is there beats the SIP
// status, which gateways choose coarsely. Causes that say nothing (16 normal clearing, 127 interworking) are left out.
var byCause = map[int]avanak.Outcome{
	1: avanak.InvalidNumber, 2: avanak.InvalidNumber, 3: avanak.InvalidNumber, 22: avanak.InvalidNumber, 28: avanak.InvalidNumber,
	17: avanak.Busy,
	18: avanak.NoAnswer, 19: avanak.NoAnswer, 20: avanak.NoAnswer, 31: avanak.NoAnswer,
	21: avanak.Rejected,
	34: avanak.Congestion, 38: avanak.Congestion, 41: avanak.Congestion, 42: avanak.Congestion, 43: avanak.Congestion,
	44: avanak.Congestion, 47: avanak.Congestion, 102: avanak.Congestion,
	57: avanak.Failed, 63: avanak.Failed, 65: avanak.Failed, 79: avanak.Failed, 88: avanak.Failed, 95: avanak.Failed,
	96: avanak.Failed, 97: avanak.Failed, 98: avanak.Failed, 99: avanak.Failed, 100: avanak.Failed, 111: avanak.Failed,
}

// byStatus maps final SIP statuses (RFC 3261 section 21) to outcomes; what is not named is Failed below 500 and for 6xx,
// Congestion for 5xx.
var byStatus = map[int]avanak.Outcome{
	486: avanak.Busy, 600: avanak.Busy,
	408: avanak.NoAnswer, 480: avanak.NoAnswer, 487: avanak.NoAnswer, 491: avanak.NoAnswer,
	603: avanak.Rejected, 607: avanak.Rejected, 608: avanak.Rejected,
	404: avanak.InvalidNumber, 410: avanak.InvalidNumber, 416: avanak.InvalidNumber, 484: avanak.InvalidNumber, 604: avanak.InvalidNumber,
	429: avanak.Congestion, 580: avanak.Congestion,
	505: avanak.Failed, 513: avanak.Failed,
}

// classify turns a final response into an outcome.
func classify(status, cause int) avanak.Outcome {
	if o, ok := byCause[cause]; ok {
		return o
	}
	if o, ok := byStatus[status]; ok {
		return o
	}
	if status >= 500 && status < 600 {
		return avanak.Congestion
	}
	return avanak.Failed
}

// unanswered turns the end of an INVITE that nobody answered into an outcome with a line for people.
func unanswered(r sip.Result) (avanak.Outcome, string) {
	switch r.End {
	case sip.NotSent:
		return avanak.Congestion, "not sent" // no phone rang: the recipient keeps the try
	case sip.Refused:
		return classify(r.Status, r.Cause), r.Reason
	case sip.RingLimit:
		if r.Late {
			return avanak.Partial, "answered after the ring limit; ended at once"
		}
		return avanak.NoAnswer, "ring limit"
	case sip.Cancelled:
		if r.Late {
			return avanak.Partial, "answered while shutting down; ended at once"
		}
		if r.Timing.FirstProvisional.IsZero() && r.Status == 0 {
			return avanak.Uncertain, "shutdown before the trunk responded" // no CANCEL may be sent, and a phone may ring
		}
		return avanak.Aborted, "shutdown"
	case sip.Silent:
		return avanak.Uncertain, "the trunk did not respond"
	case sip.Broken, sip.Answered:
	}
	return avanak.Uncertain, "internal fault"
}
