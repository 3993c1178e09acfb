package sip

import (
	"context"
	"errors"
	"net"

	"github.com/emiago/sipgo/sip"
)

// allow lists the methods that we understand.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"

// supported lists the extensions that we understand and offer (RFC 4028). 100rel is obeyed where a far end requires it,
// but not offered: it makes every provisional response a round trip more.
const supported = "timer"

// Headers that are the same in every message; sipgo does not change what it sends.
var (
	headForwards  = sip.MaxForwardsHeader(70)
	sdpType       = sip.ContentTypeHeader("application/sdp")
	headAllow     = sip.NewHeader("Allow", allow)
	headSupported = sip.NewHeader("Supported", supported)
)

// newRequest has what every request of ours begins with; enclose ends it.
func (a *Agent) newRequest(method sip.RequestMethod, to sip.Uri, via *sip.ViaHeader, next hop) *sip.Request {
	req := sip.NewRequest(method, to)
	req.AppendHeader(via)
	req.AppendHeader(&headForwards)
	a.address(req, next)
	return req
}

// enclose puts a session description, or nothing, into a request. sipgo would look through all headers for the length.
func enclose(req *sip.Request, body []byte) *sip.Request {
	if len(body) > 0 {
		req.AppendHeader(&sdpType)
	}
	length := sip.ContentLengthHeader(len(body)) //nolint:gosec // not negative
	req.AppendHeader(&length)
	req.SetBody(body)
	return req
}

// newInvite builds the leg's INVITE towards its hop; seq and minSE change when the far end asks for another one.
func (l *leg) newInvite() (*sip.Request, error) {
	a := l.agent
	caller, err := a.caller(l.inv)
	if err != nil {
		return nil, err
	}
	number, err := a.callee(l.inv)
	if err != nil {
		return nil, err
	}
	phone := a.cfg.Identity.PhoneParam
	recipient := number.uri(l.place.Host, int(l.place.Port), phone) // as it was configured (RFC 3263 section 4)
	req := a.newRequest(sip.INVITE, recipient, a.via(l.hop.over), l.hop)
	if err := a.identify(req, caller, l.tag); err != nil {
		return nil, err
	}
	req.AppendHeader(&sip.ToHeader{Address: number.uri(l.place.Host, 0, phone)})
	callID := sip.CallIDHeader(l.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: l.cseq, MethodName: sip.INVITE})
	req.AppendHeader(a.contact(a.contactUser(caller), l.hop.over))
	req.AppendHeader(headAllow)
	req.AppendHeader(headSupported)
	a.askForTimer(req, l.minSE)
	req.AppendHeader(a.userAgent)
	for _, h := range a.cfg.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	authorize(l.exchange, req, l.sdp)
	return enclose(req, l.sdp), nil
}

// hopByHop builds a request that belongs to the INVITE's own transaction: same branch, Request-URI, Call-ID, CSeq number
// and destination. CANCEL carries the INVITE's To (RFC 3261 section 9.1), the ACK of a failure the response's
// (section 17.1.1.3).
func (l *leg) hopByHop(method sip.RequestMethod, to *sip.ToHeader) *sip.Request {
	invite := l.invite
	req := l.agent.newRequest(method, invite.Recipient, invite.Via().Clone(), l.hop)
	req.AppendHeader(invite.From())
	req.AppendHeader(to)
	req.AppendHeader(invite.CallID())
	req.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: method})
	return enclose(req, nil)
}

// weight counts bytes without keeping them.
type weight int

func (w *weight) WriteString(s string) (int, error) {
	*w += weight(len(s))
	return len(s), nil
}

// sizeOf is the length of a message on the wire, in bytes.
func sizeOf(req *sip.Request) int {
	var w weight
	req.StringWrite(&w)
	return int(w)
}

// sendFault is a failed send with the kernel's word of it, or the end of the caller's context; sipgo's own error text
// holds the Request-URI, a person's number.
func sendFault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return &transportError{op}
	}
	return &transportError{nil}
}

// transportError says that the transport itself reported that nothing left.
type transportError struct{ err error } // nil where sipgo's text is all there is

func (e *transportError) Error() string {
	if e.err == nil {
		return errSend.Error()
	}
	return errSend.Error() + ": " + e.err.Error()
}

// reason is what went wrong, of whatever request.
func (e *transportError) reason() string {
	if e.err == nil {
		return "request could not be sent"
	}
	return e.err.Error()
}

func (e *transportError) Unwrap() []error {
	if e.err == nil {
		return []error{errSend}
	}
	return []error{errSend, e.err}
}
