package sip

import (
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ours tells whether a response belongs to the leg: Call-ID and our tag. sipgo matches by branch and method only.
func (l *leg) ours(res *sip.Response) bool {
	if res.CallID() == nil || res.From() == nil || res.To() == nil || res.CSeq() == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(*res.CallID()) == l.callID && tagOf(res.From().Params) == l.tag
}

// receive is every response to the INVITE, by whatever way it came.
func (l *leg) receive(res *sip.Response) {
	if !l.ours(res) || res.CSeq().MethodName != sip.INVITE {
		return
	}
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
	l.keepEarly(res)
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
	case cancelling, answered, over:
	}
}

// keepEarly remembers the session description of a provisional response for a 2xx that comes without one.
func (l *leg) keepEarly(res *sip.Response) {
	if len(res.Body()) == 0 || len(res.Body()) > maxSDP || len(l.early) >= maxBranches {
		return
	}
	if l.early == nil {
		l.early = make(map[string][]byte)
	}
	l.early[tagOf(res.To().Params)] = slices.Clone(res.Body())
}

// failure is a final response of 300 or above. sipgo has acknowledged it, unless we ended its transaction.
func (l *leg) failure(res *sip.Response) {
	l.final = true
	if l.stopped && l.invite != nil {
		ack := l.agent.hopByHop(sip.ACK, l.invite, res.To())
		if err := l.agent.client.WriteRequest(ack); err != nil {
			l.agent.log.Warn("ack of a failure did not leave", "call_id", l.callID, "err", err)
		}
	}
	switch l.phase {
	case calling, proceeding, cancelling:
		l.agent.m.response(res.StatusCode)
		l.res.Status, l.res.Reason = res.StatusCode, words(res.Reason, res.GetHeaders("Reason"))
		l.res.Cause = causeOf(res.GetHeaders("Reason"))
		l.res.RetryAfter = retryAfter(res.GetHeader("Retry-After"))
		end, err := Refused, error(nil)
		if l.phase == cancelling {
			end, err = l.res.End, l.res.Err
		}
		l.phase = over
		l.deliver(end, err)
	case watching:
		if !l.stopped { // else it may be sent again, and is ours to acknowledge until the alarm
			l.phase = over
		}
	case answered, over:
	}
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
	if len(res.Body()) == 0 {
		res.SetBody(l.early[tag])
	}
	c := newCall(l.agent, l.sdp, res, l.poke)
	l.mu.Lock()
	l.calls[tag] = c
	l.mu.Unlock()
	if branches == 0 {
		close(l.first)
		l.res.Timing.Answered = time.Now()
	}
	l.acknowledge(c)
	l.place(c)
}

// place decides what a newly answered branch is for.
func (l *leg) place(c *Call) {
	switch l.phase {
	case calling, proceeding:
		l.phase = answered
		l.alarm.Stop()
		l.res.Call = c
		l.deliver(Answered, nil)
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
	find := func() (c *Call, mine bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.calls[theirTag], ourTag == l.tag
	}
	c, mine := find()
	if !mine {
		return nil
	}
	if c == nil {
		select {
		case <-l.first:
		case <-l.agent.quit:
		case <-time.After(2 * sip.T1):
		}
		c, _ = find()
	}
	return c
}
