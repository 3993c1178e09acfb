package sip

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// ours tells whether a response belongs to the leg: Call-ID, our tag and an INVITE that we sent. sipgo matches by branch
// and method only.
func (l *leg) ours(res *sip.Response) bool {
	if res.CallID() == nil || res.From() == nil || res.To() == nil || res.CSeq() == nil {
		return false
	}
	if l.invite != nil && (res.CSeq().SeqNo == 0 || res.CSeq().SeqNo > l.invite.CSeq().SeqNo) {
		return false
	}
	return string(*res.CallID()) == l.callID && tagOf(res.From().Params) == l.tag
}

// receive is every response to the INVITE, by whatever way it came.
func (l *leg) receive(res *sip.Response) {
	if via := res.Via(); via != nil && res.StatusCode >= 300 && !l.stopped {
		if branch, ok := via.Params.Get("branch"); ok {
			l.agent.refusals.note(branch) // whoever sent it: sipgo's transaction takes no answer any more
		}
	}
	if !l.ours(res) || res.CSeq().MethodName != sip.INVITE {
		return
	}
	if l.agent.targets.spoke(l.hop.addr) {
		l.agent.health.refresh()
	}
	accepted(l.exchange, res)
	switch {
	case res.StatusCode < 100:
	case res.IsProvisional():
		l.agent.m.response(res.StatusCode)
		l.provisional(res)
	case res.IsSuccess():
		l.success(res)
	default:
		l.failure(res)
	}
}

func (l *leg) provisional(res *sip.Response) {
	now := time.Now()
	if !l.keepEarly(res) {
		return
	}
	switch l.phase {
	case calling, proceeding:
		if l.phase == calling {
			l.res.Timing.FirstProvisional = now
			l.enter(proceeding, l.ring)
		}
		if res.StatusCode/10 == 18 && l.res.Timing.Ringing.IsZero() {
			l.res.Timing.Ringing = now
			l.enter(proceeding, l.ring)
		}
	case watching: // we gave up in silence, and the call lives after all
		l.cancel()
	case answered:
		l.withdraw(res.CSeq().SeqNo)
	case cancelling, over:
	}
}

// failure is a final response of 300 or above. sipgo has acknowledged it, unless we ended its transaction.
func (l *leg) failure(res *sip.Response) {
	if l.invite != nil && res.CSeq().SeqNo != l.invite.CSeq().SeqNo {
		return // a copy of one that led to another INVITE; sipgo acknowledges it
	}
	l.final = true
	if l.stopped && l.invite != nil {
		if err := l.agent.write(l.hopByHop(sip.ACK, res.To())); err != nil {
			l.agent.log.Warn("ack of a failure did not leave", "call_id", l.callID, "err", err)
		}
	}
	switch l.phase {
	case calling, proceeding:
		l.agent.m.response(res.StatusCode)
		if l.resend(res) {
			return
		}
		l.refused(res, Refused, l.res.Err)
	case cancelling:
		l.agent.m.response(res.StatusCode)
		l.refused(res, l.res.End, l.res.Err)
	case watching:
		if !l.stopped { // else it may be sent again, and is ours to acknowledge until the alarm
			l.phase = over
		}
	case answered, over:
	}
}

// refused ends the leg with a final response.
func (l *leg) refused(res *sip.Response, end End, err error) {
	reasons := res.GetHeaders("Reason")
	l.res.Status, l.res.Reason = res.StatusCode, words(res.Reason, reasons)
	l.res.Cause = causeOf(reasons)
	l.res.RetryAfter = retryAfter(res.GetHeader("Retry-After"))
	l.phase = over
	l.deliver(end, err)
}

// success is a 2xx: the answer, its retransmission, a further branch of a fork, or an answer that comes too late.
func (l *leg) success(res *sip.Response) {
	l.final = true
	tag := tagOf(res.To().Params)
	l.mu.Lock()
	known, branches := l.calls[tag], len(l.calls)
	l.mu.Unlock()
	if known != nil {
		l.agent.m.ackReplays.Inc()
		l.acknowledge(known)
		return
	}
	if branches >= maxBranches {
		return
	}
	l.agent.m.response(res.StatusCode)
	if e := l.early[tag]; len(res.Body()) == 0 && e != nil {
		res.SetBody(e.sdp)
	}
	c := newCall(l, res)
	l.mu.Lock()
	l.calls[tag] = c
	l.mu.Unlock()
	if branches == 0 {
		close(l.first)
		l.res.Timing.Answered = time.Now()
	}
	l.acknowledge(c)
	l.assign(c)
}

// assign decides what a newly answered branch is for.
func (l *leg) assign(c *Call) {
	rings := l.phase == proceeding
	switch l.phase {
	case calling, proceeding:
		l.phase = answered
		l.alarm.Stop()
		l.res.Call = c
		l.deliver(Answered, nil)
		c.session.begin()
		if l.overtaken() {
			l.alarm.Reset(settleFactor * sip.T1)
			if rings {
				l.cancel()
			}
		}
	case answered:
		l.agent.m.forked2xx.Inc()
		c.leave(CauseNormal)
	case cancelling, watching, over:
		l.agent.m.late2xx.Inc()
		c.leave(CauseNormal)
		l.res.Late = true
		l.deliver(l.res.End, l.res.Err)
		l.watch()
	}
}

// overtaken tells whether the call was answered by an INVITE that had been refused and sent anew: the latest one must not
// make another phone ring, or the same one twice.
func (l *leg) overtaken() bool {
	return l.res.Call != nil && l.invite != nil && l.res.Call.dialog.invite != l.invite.CSeq().SeqNo
}

// withdraw cancels the latest INVITE where it was overtaken, once a provisional response to it has come.
func (l *leg) withdraw(seq uint32) {
	if l.overtaken() && seq == l.invite.CSeq().SeqNo {
		l.cancel()
	}
}

func (l *leg) acknowledge(c *Call) {
	if err := c.acknowledge(); err != nil {
		// The far end sends its 2xx again, and we our ACK.
		l.agent.log.Warn("ack did not leave", "call_id", l.callID, "err", err)
	}
}

// poke tells the leg's goroutine that a Call ended.
func (l *leg) poke() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// call finds the answered branch that an in-dialog request names. Messages of one call are handled in goroutines of
// their own and may overtake each other: a request for a branch whose 2xx is not known yet waits for it, at most 2*T1.
func (l *leg) call(ourTag, theirTag string) *Call {
	find := func() *Call {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.calls[theirTag]
	}
	if ourTag != l.tag {
		return nil
	}
	c := find()
	if c == nil {
		select {
		case <-l.first:
		case <-l.agent.quit:
		case <-time.After(2 * sip.T1):
		}
		c = find()
	}
	return c
}
