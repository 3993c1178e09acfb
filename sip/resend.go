package sip

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxAgain bounds how often one leg sends its INVITE anew: each counts against the trunk's pace.
const maxAgain = maxChallenges + 1

// resend sends the INVITE anew where the final response asks for something that we can give: credentials (401, 407) or a
// longer session interval (422). It is the same leg (same Call-ID and From tag, next CSeq, RFC 3261 section 8.1.3.5), and
// it passes the gate like any INVITE. False means that the response stands; res.Err may say why.
func (l *leg) resend(res *sip.Response) bool {
	if l.again >= maxAgain || l.invite == nil {
		return false
	}
	switch {
	case challenged(res):
		if err := l.agent.challenge(l.exchange, res); err != nil {
			l.res.Err = err
			return false
		}
	case res.StatusCode == 422:
		least, err := strconv.Atoi(headerValue(res.GetHeader("Min-SE")))
		if err != nil || least <= l.minSE || least > maxSession {
			return false
		}
		l.minSE = least
	default:
		return false
	}
	l.again++
	l.cseq++
	l.early = nil // what follows belongs to the INVITE anew, and numbers its reliable responses from the start
	if err := l.launch(l.ctx); err != nil {
		if l.phase == answered {
			return true
		}
		l.phase = over
		l.res.Status = res.StatusCode
		l.deliver(NotSent, err)
		return true
	}
	l.phase, l.final = calling, false
	l.alarm.Reset(l.agent.cfg.FirstResponse)
	return true
}

// trySend is send whose panic ends this call only.
func (l *leg) trySend(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			l.agent.panicked("send "+l.callID, p)
			err = errPanic
		}
	}()
	return l.send(ctx)
}

// send passes the last gate, sends the INVITE and starts the leg's goroutine. An error means that nothing left.
func (l *leg) send(ctx context.Context) error {
	a := l.agent
	place, err := a.targets.choose(ctx, l.inv.Avoid)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err() // no word about the trunk
	default:
		return &transportError{err}
	}
	l.place, l.hop = place, hop{place.Addr, a.cfg.Transport}
	if !a.crew.enter() {
		return ErrClosing
	}
	launched := false
	defer func() {
		if !launched { // also where BeforeSend panics
			a.crew.leave()
		}
	}()
	if err := l.launch(ctx); err != nil {
		return err
	}
	launched = true
	l.ctx = ctx
	l.alarm = time.NewTimer(a.cfg.FirstResponse)
	a.crew.hand(func() { l.run(ctx) })
	return nil
}

// launch builds the INVITE, passes the gate and starts its transaction. An error means that nothing left. A drain ends
// the wait at the gate: no phone begins to ring for a call that is given up already.
func (l *leg) launch(ctx context.Context) error {
	a := l.agent
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.draining, cancel)()
	last := l.invite
	if err := l.prepare(ctx); err != nil {
		return err
	}
	if l.inv.BeforeSend != nil {
		if err := l.inv.BeforeSend(ctx); err != nil {
			return &gateError{err}
		}
	}
	if a.draining.Err() != nil { // AfterFunc's goroutine may be late
		return ErrClosing
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if last != nil && l.pickedUp(last) {
		return errPickedUp
	}
	sent := time.Now()
	l.handed = true
	tx, err := a.begin(ctx, l.invite)
	if err != nil {
		return err
	}
	if l.res.Timing.Sent.IsZero() {
		l.res.Timing.Sent = sent
	}
	l.res.Target = l.hop.String()
	a.m.invites.Inc()
	l.stopped = false
	l.tx, l.responses, l.txDone = tx, tx.Responses(), tx.Done()
	tx.OnRetransmission(l.offer)
	return nil
}

// pickedUp takes in an answer to the INVITE before, which came while the next one waited at the gate: that one must not
// make the phone ring again.
func (l *leg) pickedUp(last *sip.Request) bool {
	next := l.invite
	l.invite = last
	for {
		select {
		case res := <-l.inbox:
			if res.IsSuccess() {
				l.receive(res)
			}
			continue
		default:
		}
		if l.phase == answered {
			return true
		}
		l.invite = next
		return false
	}
}

// errPickedUp is why an INVITE was not sent anew: the one before was answered.
var errPickedUp = errors.New("answered meanwhile")

// prepare builds the INVITE and makes sure of its way. One that is larger than UDP should carry goes by TCP where the
// trunk allows it, by UDP all the same where there is no TCP (RFC 3261 section 18.1.1), or is a fault of the configuration.
func (l *leg) prepare(ctx context.Context) error {
	a := l.agent
	var err error
	if l.invite, err = l.newInvite(); err != nil {
		return err
	}
	if l.hop.over == OverUDP {
		if a.surelyFits(l) {
			return nil
		}
		n := sizeOf(l.invite)
		a.bulk.Store(int64(n - len(l.sdp)))
		switch {
		case n <= a.cfg.MTU || a.cfg.Oversize == Fragment:
			return nil
		case n > maxInvite || a.cfg.Oversize != SwitchTCP:
			return &oversizeError{n, a.cfg.MTU}
		}
		udp := l.invite
		l.hop.over = OverTCP
		if l.invite, err = l.newInvite(); err != nil {
			return err
		}
		if a.connect(ctx, l.hop) != nil {
			l.hop.over, l.invite = OverUDP, udp
		}
		return ctx.Err()
	}
	if sizeOf(l.invite) > maxInvite {
		return &oversizeError{sizeOf(l.invite), maxInvite}
	}
	return a.connect(ctx, l.hop)
}

// surelyFits tells from the last INVITE that was measured, without measuring this one, that it fits the trunk's MTU: two
// INVITEs of a trunk differ in their session descriptions, numbers and credentials only.
func (a *Agent) surelyFits(l *leg) bool {
	const numbers = 6 * 15 // digits, in the places where they stand
	bulk := a.bulk.Load()
	return bulk > 0 && l.exchange == nil && int(bulk)+len(l.sdp)+numbers <= a.cfg.MTU
}

// maxInvite is the largest INVITE that we send by any transport, in bytes.
const maxInvite = 16 << 10
