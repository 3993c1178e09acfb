package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxInvite is the largest INVITE that goes by UDP, in bytes (RFC 3261 section 18.1.1).
const maxInvite = 1300

// allow lists the methods that we understand.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"

const maxForwards = 70

// via is a Via of ours with a new branch. rport asks for the response to come back through a NAT (RFC 3581).
func (a *Agent) via() *sip.ViaHeader {
	return &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP", Host: a.self.host,
		Port: a.self.port, Params: sip.HeaderParams{{K: "branch", V: sip.GenerateBranch()}, {K: "rport"}}}
}

func (a *Agent) uri(user string) sip.Uri {
	return sip.Uri{Scheme: "sip", User: user, Host: a.self.host, Port: a.self.port}
}

// contact is where in-dialog requests of the far end reach us.
func (a *Agent) contact() *sip.ContactHeader {
	return &sip.ContactHeader{Address: a.uri(a.cfg.Callers[0])}
}

// newRequest has what every request of ours has; the body is empty.
func (a *Agent) newRequest(method sip.RequestMethod, to sip.Uri, via *sip.ViaHeader, hop string) *sip.Request {
	req := sip.NewRequest(method, to)
	req.AppendHeader(via)
	forwards := sip.MaxForwardsHeader(maxForwards)
	req.AppendHeader(&forwards)
	req.SetTransport("UDP")
	req.SetDestination(hop)
	return req
}

// newInvite builds the INVITE of inv towards to, with a new From tag.
func (a *Agent) newInvite(inv Invite, to netip.AddrPort) *sip.Request {
	number, caller := a.cfg.NumberFormat.Format(inv.To), a.cfg.Callers[0]
	if inv.From != 0 {
		caller = a.cfg.NumberFormat.Format(inv.From)
	}
	recipient := sip.Uri{Scheme: "sip", User: number, Host: a.target.host, Port: int(a.target.port)}
	req := a.newRequest(sip.INVITE, recipient, a.via(), to.String())
	from := a.uri(caller)
	from.Port = 0 // no port in From and To (RFC 3261 section 19.1.1)
	req.AppendHeader(&sip.FromHeader{Address: from, Params: sip.HeaderParams{{K: "tag", V: sip.GenerateTagN(16)}}})
	recipient.Port = 0
	req.AppendHeader(&sip.ToHeader{Address: recipient})
	callID := sip.CallIDHeader(inv.CallID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.INVITE})
	req.AppendHeader(a.contact())
	req.AppendHeader(sip.NewHeader("Allow", allow))
	req.AppendHeader(sip.NewHeader("User-Agent", a.cfg.UserAgent))
	kind := sip.ContentTypeHeader("application/sdp")
	req.AppendHeader(&kind)
	req.SetBody(inv.SDP)
	return req
}

// hopByHop builds a request that belongs to the INVITE's own transaction: same branch, Request-URI, Call-ID, CSeq number
// and destination. CANCEL carries the INVITE's To (RFC 3261 section 9.1), the ACK of a failure the response's
// (section 17.1.1.3).
func (a *Agent) hopByHop(method sip.RequestMethod, invite *sip.Request, to *sip.ToHeader) *sip.Request {
	req := a.newRequest(method, *invite.Recipient.Clone(), invite.Via().Clone(), invite.Destination())
	req.AppendHeader(sip.HeaderClone(invite.From()))
	req.AppendHeader(sip.HeaderClone(to))
	req.AppendHeader(sip.HeaderClone(invite.CallID()))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: method})
	req.SetBody(nil)
	return req
}

// send passes the last gate, sends the INVITE and starts the leg's goroutine. An error means that nothing left.
func (l *leg) send(ctx context.Context, inv Invite) error {
	a := l.agent
	to, err := a.target.next(ctx)
	if err != nil {
		return err
	}
	l.invite = a.newInvite(inv, to)
	if n := len(l.invite.String()); n > maxInvite {
		return fmt.Errorf("%w: it has %d", ErrTooLarge, n)
	}
	l.mu.Lock()
	l.tag = tagOf(l.invite.From().Params)
	l.mu.Unlock()
	if inv.BeforeSend != nil {
		if err := inv.BeforeSend(ctx); err != nil {
			return fmt.Errorf("before send: %w", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !a.crew.enter() {
		return ErrClosing
	}
	l.res.Timing.Sent = time.Now()
	tx, err := a.client.TransactionRequest(ctx, l.invite)
	if err != nil {
		a.crew.leave()
		return sendFault(err)
	}
	a.m.invites.Inc()
	l.tx, l.responses, l.txDone = tx, tx.Responses(), tx.Done()
	tx.OnRetransmission(l.offer)
	l.alarm = time.NewTimer(a.cfg.FirstResponse)
	go func() {
		defer a.crew.leave()
		l.run(ctx)
	}()
	return nil
}

// sendFault is errSend with the kernel's word of a failed send, or the end of the caller's context; sipgo's own error text
// holds the Request-URI, a person's number.
func sendFault(err error) error {
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%w: send: %w", errSend, op)
	}
	return errSend
}
