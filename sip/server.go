package sip

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak"
)

// handler answers one request. call is nil where the request names no dialog of ours.
type handler func(req *sip.Request, tx sip.ServerTransaction, call *Call)

// handlers name what we answer.
func (a *Agent) handlers() map[sip.RequestMethod]handler {
	return map[sip.RequestMethod]handler{
		sip.BYE: a.onBye, sip.INVITE: a.onInvite, sip.UPDATE: a.onUpdate, sip.INFO: a.onInfo,
		sip.OPTIONS: a.onOptions, sip.ACK: a.onAck, sip.CANCEL: a.onCancel, sip.PRACK: a.onInfo,
	}
}

// register tells sipgo what we answer.
func (a *Agent) register(s *sipgo.Server) {
	for method, h := range a.handlers() {
		s.OnRequest(method, a.wrap(h))
	}
	s.OnNoRoute(a.wrap(a.onOther))
}

// onOther is what has no handler.
func (a *Agent) onOther(req *sip.Request, tx sip.ServerTransaction, _ *Call) {
	a.respond(req, tx, 405, "Method Not Allowed", nil)
}

// wrap finds the dialog, counts the goroutine, and keeps a panic to this request.
func (a *Agent) wrap(h handler) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		if !a.crew.enter() {
			return
		}
		defer a.crew.leave()
		defer a.guard("request")
		if status, reason, extra := flaw(req); status != 0 {
			a.m.malformed.Inc()
			a.respond(req, tx, status, reason, nil, extra...)
			return
		}
		h(req, tx, a.dialogOf(req))
	}
}

// dialogOf matches Call-ID and both tags (RFC 3261 section 12.2.2).
func (a *Agent) dialogOf(req *sip.Request) *Call {
	l := a.leg(string(*req.CallID()))
	if l == nil || tagOf(req.To().Params) == "" {
		return nil
	}
	c := l.call(tagOf(req.To().Params), tagOf(req.From().Params))
	if c == nil || c.over() {
		return nil
	}
	return c
}

func (a *Agent) respond(req *sip.Request, tx sip.ServerTransaction, status int, reason string, body []byte, extra ...sip.Header) {
	if req.IsAck() {
		return
	}
	if err := tx.Respond(a.response(req, status, reason, body, extra...)); err != nil {
		a.unsent(req, status, err)
	}
}

// unsent logs a response that did not leave, at most once in libraryPause: where it goes to is the far end's choice.
func (a *Agent) unsent(req *sip.Request, status int, err error) {
	if skipped, pass := a.unsaid.pass(time.Now()); pass {
		a.log.Warn("response did not leave", "method", string(req.Method), "status", status, "err", err, "skipped", skipped)
	}
}

func (a *Agent) response(req *sip.Request, status int, reason string, body []byte, extra ...sip.Header) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, reason, body)
	res.SipVersion = version // not that of the request
	if req.To() != nil {
		keepTag(req.To().Params, &res.To().Params)
	}
	res.AppendHeader(headAllow)
	res.AppendHeader(headSupported)
	res.AppendHeader(a.userAgent)
	if status < 300 && (req.Method == sip.INVITE || req.Method == sip.UPDATE) {
		res.AppendHeader(a.contact(a.cfg.Callers[0], a.cfg.Transport))
	}
	if len(body) > 0 {
		kind := sdpType
		res.AppendHeader(&kind)
	}
	for _, h := range extra {
		if h != nil {
			res.AppendHeader(h)
		}
	}
	return res
}

func (a *Agent) gone(req *sip.Request, tx sip.ServerTransaction) {
	a.respond(req, tx, 481, "Call/Transaction Does Not Exist", nil)
}

func (a *Agent) onBye(req *sip.Request, tx sip.ServerTransaction, c *Call) {
	if c == nil {
		a.gone(req, tx)
		return
	}
	a.respond(req, tx, 200, "OK", nil)
	c.end(avanak.Callee, causeOf(req.GetHeaders("Reason")))
}

func (a *Agent) onInfo(req *sip.Request, tx sip.ServerTransaction, c *Call) {
	if c == nil {
		a.gone(req, tx)
		return
	}
	a.respond(req, tx, 200, "OK", nil)
}

// onOptions answers the carrier's keep-alive as well as an in-dialog ping.
func (a *Agent) onOptions(req *sip.Request, tx sip.ServerTransaction, c *Call) {
	if c == nil && tagOf(req.To().Params) != "" {
		a.gone(req, tx)
		return
	}
	a.respond(req, tx, 200, "OK", nil)
}

// onCancel sees only a CANCEL for which sipgo has no INVITE.
func (a *Agent) onCancel(req *sip.Request, tx sip.ServerTransaction, _ *Call) { a.gone(req, tx) }

// onAck ends the resending of a re-INVITE's 2xx. Where that 2xx carried our offer, the ACK has the answer.
func (a *Agent) onAck(req *sip.Request, _ sip.ServerTransaction, c *Call) {
	if c != nil && c.confirm(req.CSeq().SeqNo) {
		c.heed(req.Body())
	}
}

// onUpdate answers RFC 3311; where it carries an offer, with the session that we have.
func (a *Agent) onUpdate(req *sip.Request, tx sip.ServerTransaction, c *Call) {
	body, ok := a.renegotiate(req, tx, c)
	if !ok {
		return
	}
	a.respond(req, tx, 200, "OK", body, c.session.refreshed(req)...)
}

// onInvite answers a re-INVITE with the session that we have, and sends its 2xx until the ACK (RFC 3261 section
// 13.3.1.4): sipgo does not resend a 2xx. An INVITE outside of a dialog is somebody who calls the shown number back: no
// route leads in, and nobody is there to answer.
func (a *Agent) onInvite(req *sip.Request, tx sip.ServerTransaction, c *Call) {
	if c == nil && tagOf(req.To().Params) == "" {
		a.m.callbacks.Inc()
		a.respond(req, tx, 480, "Temporarily Unavailable", nil)
		return
	}
	body, ok := a.renegotiate(req, tx, c)
	if !ok {
		return
	}
	acked := c.await(req.CSeq().SeqNo, len(req.Body()) == 0)
	defer c.confirm(req.CSeq().SeqNo) // also where no ACK came
	res := a.response(req, 200, "OK", body, c.session.refreshed(req)...)
	giveUp := time.After(64 * sip.T1)
	for pause := sip.T1; ; pause = min(2*pause, sip.T2) {
		if err := tx.Respond(res); err != nil {
			a.unsent(req, res.StatusCode, err)
			return
		}
		select {
		case <-time.After(pause):
		case <-acked:
			return
		case <-c.done:
			return
		case <-a.quit:
			return
		case <-giveUp: // the far end took its question back without a word: the dialog is in doubt (section 13.3.1.4)
			c.leave(CauseExpired)
			return
		}
	}
}

// renegotiate judges a request that may change the session: ok means that it is to be answered with 200 and body. What
// we cannot play to (no audio that we know, further streams such as T.38) is refused with 488, and the session stays.
func (a *Agent) renegotiate(req *sip.Request, tx sip.ServerTransaction, c *Call) (body []byte, ok bool) {
	if c == nil {
		a.gone(req, tx)
		return nil, false
	}
	if !c.dialog.newer(req.CSeq().SeqNo) {
		a.respond(req, tx, 500, "Server Internal Error", nil)
		return nil, false
	}
	if interval, _, asked := sessionExpires(req); asked && interval < shortSession {
		a.respond(req, tx, 422, "Session Interval Too Small", nil, sip.NewHeader("Min-SE", strconv.Itoa(shortSession)))
		return nil, false
	}
	offer := req.Body()
	if (req.Method == sip.INVITE || len(offer) > 0) && c.offers() {
		a.respond(req, tx, 491, "Request Pending", nil) // glare (section 14.2)
		return nil, false
	}
	if len(offer) == 0 {
		if req.Method == sip.INVITE {
			body = c.offerAnew()
		}
	} else {
		rest, direction, err := offered(offer)
		if err != nil {
			a.respond(req, tx, 488, "Not Acceptable Here", nil)
			return nil, false
		}
		body = c.accept(offer, direction, rest)
	}
	c.dialog.refresh(req)
	return body, true
}

// offers tells whether our own re-INVITE is under way.
func (c *Call) offers() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ours
}

// accept takes the far end's new session description, tells whoever plays about it, and returns our answer: ours as it
// was, with the other side of their direction, and a version of its own where that changed (RFC 3264 section 8).
func (c *Call) accept(offer []byte, direction Direction, rest string) []byte {
	c.heard(offer)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(direction)
	if rest != c.rest {
		c.rest = rest
		c.version++
	}
	return c.said()
}

// offerAnew is our answer to a re-INVITE that has no offer: one as for a new call, whatever was held before (RFC 3261
// section 14.2).
func (c *Call) offerAnew() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(SendRecv)
	return c.said()
}

// turn notes the far end's direction. The caller holds mu.
func (c *Call) turn(theirs Direction) {
	if theirs != c.held {
		c.held = theirs
		c.version++
	}
}

// description is our session description as we said it last.
func (c *Call) description() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said()
}

// said is description for who holds mu.
func (c *Call) said() []byte { return append(turned(c.local, c.held, c.version), c.rest...) }

// heed takes in the far end's answer to an offer of ours; one that we cannot play to changes nothing.
func (c *Call) heed(answer []byte) {
	if _, err := ParseAnswer(answer); err == nil {
		c.heard(answer)
	}
}

// heard keeps the far end's session description, and tells whoever plays where it has changed.
func (c *Call) heard(sdp []byte) {
	c.mu.Lock()
	changed := !bytes.Equal(c.sdp, sdp)
	c.sdp = slices.Clone(sdp)
	c.mu.Unlock()
	if changed {
		select {
		case c.updates <- struct{}{}:
		default:
		}
	}
}

// await notes the re-INVITE whose ACK is awaited. One that was awaited before came by then, or never will: messages of a
// call may overtake each other here.
func (c *Call) await(seq uint32, offered bool) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acked.came != nil {
		close(c.acked.came)
	}
	c.acked = ackWait{seq: seq, offered: offered, came: make(chan struct{})}
	return c.acked.came
}

// confirm is the ACK of a re-INVITE, or the end of the wait for it. It tells whether the ACK has the answer to our offer.
func (c *Call) confirm(seq uint32) (answers bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acked.came == nil || c.acked.seq != seq {
		return false
	}
	answers = c.acked.offered
	close(c.acked.came)
	c.acked = ackWait{}
	return answers
}
