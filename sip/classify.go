package sip

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/avanak/avanak"
)

// The outcome table. It rests on RFC 3261 section 21 for the statuses, on ITU-T Q.850 for the causes, and on the mapping
// between the two of RFC 3398 section 7.2.4.1; 607 is of RFC 8197, 608 of RFC 8688. docs/outcomes.md has it for people.

// firm holds the statuses that no cause changes. A callee's "never again" (607, 608) outweighs the coarse 21, call
// rejected, that gateways put beside it. 401 and 407 are a proxy's word about our credentials: RFC 3398 gives them cause
// 21 too, and a wrong password must not pass for a thousand callees who refuse.
var firm = map[int]avanak.Class{
	401: avanak.ClassFault, 407: avanak.ClassFault,
	607: avanak.ClassUnwanted, 608: avanak.ClassUnwanted,
}

// byCause holds the Q.850 causes that say something. Those that are not named (16 normal clearing, 127 interworking, and
// what Q.850 leaves open) leave the word to the status.
var byCause = map[int]avanak.Class{
	17: avanak.ClassAway, 18: avanak.ClassAway, 19: avanak.ClassAway, 20: avanak.ClassAway, 31: avanak.ClassAway,
	21: avanak.ClassRefused,
	1:  avanak.ClassNumber, 2: avanak.ClassNumber, 3: avanak.ClassNumber, 22: avanak.ClassNumber, 28: avanak.ClassNumber,
	34: avanak.ClassCongestion, 38: avanak.ClassCongestion, 41: avanak.ClassCongestion, 42: avanak.ClassCongestion,
	43: avanak.ClassCongestion, 44: avanak.ClassCongestion, 47: avanak.ClassCongestion, 102: avanak.ClassCongestion,
	57: avanak.ClassFault, 63: avanak.ClassFault, 65: avanak.ClassFault, 79: avanak.ClassFault, 88: avanak.ClassFault,
	95: avanak.ClassFault, 96: avanak.ClassFault, 97: avanak.ClassFault, 98: avanak.ClassFault, 99: avanak.ClassFault,
	100: avanak.ClassFault, 111: avanak.ClassFault,
}

// byStatus holds the final statuses. 505 and 513 are about the form of our request, though they begin with a 5.
var byStatus = map[int]avanak.Class{
	408: avanak.ClassAway, 480: avanak.ClassAway, 486: avanak.ClassAway, 487: avanak.ClassAway, 491: avanak.ClassAway,
	600: avanak.ClassAway,
	603: avanak.ClassRefused,
	404: avanak.ClassNumber, 410: avanak.ClassNumber, 416: avanak.ClassNumber, 484: avanak.ClassNumber, 604: avanak.ClassNumber,
	429: avanak.ClassCongestion, 500: avanak.ClassCongestion, 502: avanak.ClassCongestion, 503: avanak.ClassCongestion,
	504: avanak.ClassCongestion, 580: avanak.ClassCongestion,
	400: avanak.ClassFault, 403: avanak.ClassFault, 405: avanak.ClassFault, 406: avanak.ClassFault, 413: avanak.ClassFault,
	414: avanak.ClassFault, 415: avanak.ClassFault, 420: avanak.ClassFault, 421: avanak.ClassFault, 423: avanak.ClassFault,
	428: avanak.ClassFault, 436: avanak.ClassFault, 437: avanak.ClassFault, 438: avanak.ClassFault, 482: avanak.ClassFault,
	483: avanak.ClassFault, 488: avanak.ClassFault, 505: avanak.ClassFault, 513: avanak.ClassFault, 606: avanak.ClassFault,
}

// byHundred holds what a status that is not named stands for. RFC 3261 section 8.1.3.2 takes it for its x00, and so do we
// for 4xx and 5xx. A 6xx is taken for 603 and not for 600: what a callee's side forbids everywhere is not tried again,
// unless it says busy. A redirection (3xx) is not followed: whoever can make us call where he likes commits toll fraud
// at our customer's cost. It is the far end's word that the callee is not here, so it is no fault of the trunk, goes to
// no other trunk and is not tried again: that is a refusal.
var byHundred = map[int]avanak.Class{
	3: avanak.ClassRefused,
	4: avanak.ClassFault,
	5: avanak.ClassCongestion,
	6: avanak.ClassRefused,
}

// statusDecline is the status that a network also uses to say that it blocks our calls ("603+", ATIS-1000099).
const statusDecline = 603

// Classify says what a final response means: its status, its Q.850 cause (0 where none came) and its reason phrase. A
// cause beats the status where it says something, since gateways choose the status coarsely (RFC 3326); firm has the
// exceptions. A 603 whose text says "network blocked" is no refusal of this call but of all our calls. What is no final
// status (below 200, above 699) has NoClass.
func Classify(status, cause int, text string) avanak.Class {
	switch {
	case status < 200 || status > 699:
		return avanak.NoClass
	case status < 300:
		return avanak.ClassAnswered
	case status == statusDecline && blocked(text):
		return avanak.ClassUnwanted
	}
	if class, ok := firm[status]; ok {
		return class
	}
	if class, ok := byCause[cause]; ok {
		return class
	}
	if class, ok := byStatus[status]; ok {
		return class
	}
	return byHundred[status/100]
}

// blocked tells whether a text says that a network blocks our calls.
func blocked(text string) bool { return strings.Contains(strings.ToLower(text), "network blocked") }

// judge fills in Class and Dead from the rest of the Result. It is the one place that does.
func (r *Result) judge() {
	r.Class, r.Dead = r.class(), false
	switch r.End {
	case NotSent, Refused: // 183 is an 18x too: a callee may hear early media, or a phone may ring behind it
		r.Dead = r.Timing.Ringing.IsZero() && (r.Class == avanak.ClassCongestion || r.Class == avanak.ClassFault)
	case Answered, RingLimit, Silent, Cancelled, Broken:
	}
}

func (r *Result) class() avanak.Class {
	said := Classify(r.Status, r.Cause, r.Reason)
	switch {
	case r.End == Answered || r.Late:
		return avanak.ClassAnswered
	case said == avanak.ClassUnwanted: // also where it crossed our CANCEL: "never again" must not be lost
		return said
	}
	switch r.End {
	case Refused:
		return said
	case RingLimit:
		return avanak.ClassAway
	case Silent:
		return avanak.ClassSilent
	case NotSent:
		switch {
		case unreachable(r.Err):
			return avanak.ClassCongestion
		case errors.Is(r.Err, ErrTooLarge): // the trunk's settings do not fit its carrier
			return avanak.ClassFault
		}
	case Answered, Cancelled, Broken:
	}
	return avanak.ClassUs
}

// unreachable tells whether an INVITE did not leave since the way to the trunk failed: no address, or the kernel refused to
// send. A gate that refused, a caller who left and a socket that we closed say nothing about the trunk.
func unreachable(err error) bool {
	return errors.Is(err, errSend) && !errors.Is(err, context.Canceled) && !errors.Is(err, net.ErrClosed)
}
