package sip

import (
	"slices"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak"
)

// handler answers one request. call is nil where the request names no dialog of ours.
type handler func(req *sip.Request, tx sip.ServerTransaction, call *Call)

// register names what we answer. What is not named gets 405.
func (a *Agent) register(s *sipgo.Server) {
	for method, h := range map[sip.RequestMethod]handler{
		sip.BYE: a.onBye, sip.INVITE: a.onInvite, sip.UPDATE: a.onUpdate, sip.INFO: a.onInfo,
		sip.OPTIONS: a.onOptions, sip.ACK: a.onAck, sip.CANCEL: a.onCancel,
	} {
		s.OnRequest(method, a.wrap(h))
	}
	s.OnNoRoute(a.wrap(func(req *sip.Request, tx sip.ServerTransaction, _ *Call) {
		a.respond(req, tx, 405, "Method Not Allowed", nil)
	}))
}

// wrap finds the dialog, counts the goroutine, and keeps a panic to this request.
func (a *Agent) wrap(h handler) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		if !a.crew.enter() {
			return
		}
		defer a.crew.leave()
		defer a.guard("request")
		if req.CallID() == nil || req.From() == nil || req.To() == nil || req.CSeq() == nil || req.Via() == nil {
			a.respond(req, tx, 400, "Bad Request", nil)
			return
		}
		h(req, tx, a.dialogOf(req))
	}
}

// dialogOf matches Call-ID and both tags (RFC 3261 section 12.2.2).
func (a *Agent) dialogOf(req *sip.Request) *Call {
	l := a.leg(string(*req.CallID()))
	if l == nil || !req.To().Params.Has("tag") {
		return nil
	}
	c := l.call(tagOf(req.To().Params), tagOf(req.From().Params))
	if c == nil || c.over() {
		return nil
	}
	return c
}

func (a *Agent) respond(req *sip.Request, tx sip.ServerTransaction, status int, reason string, body []byte) {
	if req.IsAck() {
		return
	}
	if err := tx.Respond(a.response(req, status, reason, body)); err != nil {
		a.log.Warn("response did not leave", "status", status, "err", err)
	}
}

func (a *Agent) response(req *sip.Request, status int, reason string, body []byte) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, reason, body)
	res.AppendHeader(sip.NewHeader("Allow", allow))
	res.AppendHeader(sip.NewHeader("User-Agent", a.cfg.UserAgent))
	if req.Method == sip.INVITE || req.Method == sip.UPDATE {
		res.AppendHeader(a.contact())
	}
	if len(body) > 0 {
		kind := sip.ContentTypeHeader("application/sdp")
		res.AppendHeader(&kind)
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
	if c == nil && req.To().Params.Has("tag") {
		a.gone(req, tx)
		return
	}
	a.respond(req, tx, 200, "OK", nil)
}

// onCancel sees only a CANCEL for which sipgo has no INVITE.
func (a *Agent) onCancel(req *sip.Request, tx sip.ServerTransaction, _ *Call) { a.gone(req, tx) }

func (a *Agent) onAck(req *sip.Request, _ sip.ServerTransaction, c *Call) {
	if c != nil {
		c.confirm(req.CSeq().SeqNo)
	}
}

// onUpdate answers RFC 3311; where it carries an offer, with the session that we have.
func (a *Agent) onUpdate(req *sip.Request, tx sip.ServerTransaction, c *Call) {
	if body, ok := a.renegotiate(req, tx, c); ok {
		if len(req.Body()) == 0 {
			body = nil
		}
		a.respond(req, tx, 200, "OK", body)
	}
}

// onInvite answers a re-INVITE with the session that we have, and sends its 2xx until the ACK (RFC 3261 section
// 13.3.1.4). sipgo does not resend a 2xx.
func (a *Agent) onInvite(req *sip.Request, tx sip.ServerTransaction, c *Call) {
	if c == nil && !req.To().Params.Has("tag") {
		a.respond(req, tx, 403, "Forbidden", nil)
		return
	}
	body, ok := a.renegotiate(req, tx, c)
	if !ok {
		return
	}
	acked := c.await(req.CSeq().SeqNo)
	res := a.response(req, 200, "OK", body)
	giveUp := time.After(64 * sip.T1)
	for pause := sip.T1; ; pause = min(2*pause, sip.T2) {
		if err := tx.Respond(res); err != nil {
			a.log.Warn("response did not leave", "status", 200, "call_id", c.dialog.callID, "err", err)
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
		case <-giveUp:
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
	if offer := req.Body(); len(offer) > 0 {
		if streams, err := offered(offer); err != nil || streams != 1 {
			a.respond(req, tx, 488, "Not Acceptable Here", nil)
			return nil, false
		}
		c.mu.Lock()
		c.sdp = slices.Clone(offer)
		c.mu.Unlock()
	}
	c.dialog.refresh(req)
	return c.local, true
}

// await notes the re-INVITE whose ACK is awaited.
func (c *Call) await(seq uint32) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked = ackWait{seq: seq, came: make(chan struct{})}
	return c.acked.came
}

// confirm is the ACK of a re-INVITE.
func (c *Call) confirm(seq uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acked.came != nil && c.acked.seq == seq {
		close(c.acked.came)
		c.acked = ackWait{}
	}
}
