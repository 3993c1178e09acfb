package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/avanak/avanak"
)

// Invite is one call to place.
type Invite struct {
	CallID    string        // the Call-ID header, exactly; 1 to 128 characters of A-Z a-z 0-9 . _ - @
	To        avanak.Number // whom to call
	From      avanak.Number // shown to the callee; 0 means the trunk's Caller
	SDP       []byte        // our offer, as Offer makes it
	Avoid     []string      // targets ("ip:port") that earlier legs of the attempt went to
	RingLimit time.Duration // from the first 18x (or the first 1xx where no 18x comes within it); 0 means avanak.DefaultRing

	// BeforeSend, where set, is called immediately before each INVITE goes to the socket, again where it is sent anew with
	// credentials: the last gate of the pace. Where it errs that INVITE is not sent.
	BeforeSend func(context.Context) error
	// OnSent, where set, is called once the INVITE has gone to the socket, with that instant. Responses wait for it.
	OnSent func(time.Time)
}

// End is how an Invite ended: the arms of the sum that Result is.
type End uint8

// The ends.
const (
	// NotSent: nothing left; Err says why (BeforeSend, ctx, transport, Call-ID in use, too large).
	NotSent End = iota
	// Answered: Call is set, its ACK has left.
	Answered
	// Refused: a final response of 300 or above came; Status, Reason, Cause and RetryAfter tell it.
	Refused
	// RingLimit: we sent CANCEL since nobody answered in time. Status is that of the final response (487), 0 where none
	// came in time.
	RingLimit
	// Silent: the INVITE left and nothing came back: whether a phone rang is not known.
	Silent
	// Cancelled: ctx ended, or the Agent closed. Where a provisional response had come, CANCEL was sent.
	Cancelled
	// Broken: a fault of our own ended the attempt; what the far end did is not known.
	Broken
)

var endNames = [...]string{"not_sent", "answered", "refused", "ring_limit", "silent", "cancelled", "broken"}

// String names the end for logs.
func (e End) String() string {
	if int(e) < len(endNames) {
		return endNames[e]
	}
	return fmt.Sprintf("end(%d)", uint8(e))
}

// Timing holds the instants of an INVITE, each with Go's monotonic reading; zero where it was not reached.
type Timing struct {
	Sent             time.Time // INVITE handed to the socket
	FirstProvisional time.Time // first 1xx
	Ringing          time.Time // first 18x
	Answered         time.Time // first 2xx, taken or too late
	Ended            time.Time // final response, or when we gave up
}

// Result is what an Invite came to. End says which of the fields mean something.
type Result struct {
	End        End
	Call       *Call         // Answered only; never nil then
	Status     int           // SIP status of the final response, 0 where none came
	Target     string        // ip:port that the last INVITE went to, or could not be sent to; "" where none was chosen
	Reason     string        // its reason phrase, cleaned: short, printable, long runs of digits masked
	Cause      int           // its Q.850 cause (RFC 3326), 0 where none was given
	RetryAfter time.Duration // what a 503 (or 404, 413, 480, 486, 500, 600, 603) asked for, 0 where it did not
	Late       bool          // the callee answered after our CANCEL: the call was ended at once
	Class      avanak.Class  // what the end says, and about whom; never NoClass
	Dead       bool          // nothing rang, and nothing can ring any more: the same call may go another way at once
	Timing     Timing
	Err        error // NotSent, Silent, Cancelled, Broken: why; for logs
}

// Errors in Result.Err.
var (
	ErrTooLarge   = fmt.Errorf("%w: INVITE too large", avanak.ErrInvalid)
	ErrNoResponse = errors.New("no response")
	ErrClosing    = errors.New("agent is closing")
	errInUse      = errors.New("in use")
	errSend       = errors.New("INVITE could not be sent")
	errPanic      = errors.New("internal fault")
)

// gateError is BeforeSend's.
type gateError struct{ err error }

func (e *gateError) Error() string { return "before send: " + e.err.Error() }
func (e *gateError) Unwrap() error { return e.err }

// oversizeError is an INVITE that is larger than its transport should carry: a fault of the configuration.
type oversizeError struct{ size, limit int }

func (e *oversizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes of at most %d: use transport tcp, or set the trunk's oversize", ErrTooLarge, e.size, e.limit)
}
func (e *oversizeError) Unwrap() error { return ErrTooLarge }

func (inv Invite) validate() error {
	if inv.CallID == "" || len(inv.CallID) > 128 || strings.ContainsFunc(inv.CallID, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-@", r)
	}) {
		return fmt.Errorf("%w: call-id must have 1 to 128 letters, digits or ._-@", avanak.ErrInvalid)
	}
	if inv.To == 0 {
		return fmt.Errorf("%w: no number to call", avanak.ErrInvalid)
	}
	if inv.RingLimit < 0 {
		return fmt.Errorf("%w: negative ring limit", avanak.ErrInvalid)
	}
	return nil
}

// Invite places one call and waits for its end: an answer, a final response, the ring limit, silence for the configured
// first response time, or ctx's end. After a CANCEL it waits up to 4*T1 for the final response, to tell a late answer
// from no answer. What the far end may still send after it has returned is settled by the Agent; ctx then has no effect.
func (a *Agent) Invite(ctx context.Context, inv Invite) Result {
	unsent := func(err error) Result {
		r := Result{End: NotSent, Err: fmt.Errorf("invite %s: %w", inv.CallID, err)}
		r.judge()
		return r
	}
	if err := inv.validate(); err != nil {
		return unsent(err)
	}
	if inv.RingLimit == 0 {
		inv.RingLimit = avanak.DefaultRing
	}
	l := newLeg(a, inv)
	if err := a.enlist(l); err != nil {
		return unsent(err)
	}
	started := false
	defer func() {
		if !started {
			a.retire(l)
		}
	}()
	if err := l.trySend(ctx); err != nil {
		r := unsent(err)
		switch {
		case l.handed && errors.Is(err, errPanic): // it may have left, and a phone may ring
			r.End = Broken
			r.judge()
		case l.hop.addr.IsValid() && errors.Is(err, errSend):
			r.Target = l.hop.String()
			a.health.suspect(l.hop.addr)
		}
		return r
	}
	started = true
	r := <-l.result
	r.judge()
	a.targets.ended(l.hop.addr, r.Class)
	return r
}
