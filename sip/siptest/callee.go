package siptest

import (
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// linger is how long a media socket stays open after the call, for packets that were on their way.
const linger = 200 * time.Millisecond

// callee plays the script of one INVITE transaction. The loop owns it.
type callee struct {
	farm *Farm
	call *Call     // the record; changed only through note
	as   Behaviour // defaults filled in
	inv  *message
	peer netip.AddrPort // source of the INVITE
	key  string         // in farm.transactions
	tag  string         // our To tag
	nth  int            // index of its INVITE in the record

	script      *alarm // the next step
	last        []byte // last response to the INVITE
	lastTo      netip.AddrPort
	status      int       // final response, 0 before it
	refusal     *repeater // of a final response of 300 and more
	challenging bool      // that response was a digest challenge
	dialogs     []*dialog // the answered one, and its fork
	goodbye     *repeater // of our BYE
	goodbyeKey  string    // in farm.byes
	hangUpDue   bool      // hang up as soon as the ACK is there
	over        bool

	stream *stream
	offer  offer
	format uint8  // payload type of the answer
	sdp    []byte // answer

	cseq      int         // of our latest request
	reinvites []*offering // begun, and the next one
}

func (c *callee) note(change func(*Call, *Counts)) { c.farm.journal.note(c.call, change) }

// begin starts the script.
func (c *callee) begin() {
	if c.as.Kind == Silent && c.as.Status == 0 {
		if c.as.AnswerAfter > 0 {
			c.script = c.farm.alarms.after(c.as.AnswerAfter, c.answer)
			return
		}
		c.end()
		return
	}
	c.respond(reply{status: 100})
	if c.as.Password != "" {
		if ok, stale := c.farm.guard.authorized(c.inv, c.as.Password, c.as.SHA256); !ok {
			c.challenge(stale)
			return
		}
	}
	switch {
	case c.as.Provisionals > 0:
		c.script = c.farm.alarms.after(c.as.RingDelay, func() { c.ring(1) })
	case c.as.final() >= 300 && c.as.Provisionals == 0:
		c.script = c.farm.alarms.after(c.as.RingDelay, c.conclude)
	default:
		c.script = c.farm.alarms.after(c.as.RingDelay+c.as.ring(), c.conclude)
	}
}

// ring sends the nth 180 and plans what follows.
func (c *callee) ring(n int) {
	r := reply{status: 180, toTag: c.tag, headers: []string{c.farm.contact()}}
	if c.as.EarlyMedia {
		if status := c.prepare(); status != 0 {
			c.refuse(status)
			return
		}
		r.status, r.body = 183, c.sdp
	}
	if n == 1 {
		c.note(func(call *Call, counts *Counts) {
			call.RingingAt = time.Now()
			counts.Ringing++
		})
	}
	c.respond(r)
	next := c.conclude
	if n < c.as.Provisionals {
		next = func() { c.ring(n + 1) }
	}
	c.script = c.farm.alarms.after(c.as.ring()/time.Duration(c.as.Provisionals), next)
}

// conclude sends the final response that the script leads to.
func (c *callee) conclude() {
	if status := c.as.final(); status >= 300 {
		c.refuse(status)
		return
	}
	c.answer()
}

// respond sends a response to the INVITE and keeps it for retransmissions.
func (c *callee) respond(r reply) {
	c.last, c.lastTo = r.encode(c.inv, c.peer)
	c.farm.send(c.last, c.lastTo)
}

// again takes a retransmission of the INVITE: the same response once more.
func (c *callee) again() {
	c.note(func(call *Call, n *Counts) {
		call.Invites[c.nth].Retransmissions++
		n.Retransmissions++
	})
	if c.last != nil {
		c.farm.send(c.last, c.lastTo)
	}
}

// refuse sends a final response of 300 and more until it is acknowledged.
func (c *callee) refuse(status int) {
	r := reply{status: status, toTag: c.tag, headers: slices.Clone(c.as.Extra)}
	if c.as.RetryAfter > 0 && status != 487 {
		r.headers = append(r.headers, "Retry-After: "+strconv.Itoa(int(c.as.RetryAfter/time.Second)))
	}
	if c.as.ReasonCause > 0 && status != 487 {
		r.headers = append(r.headers, reasonLine(c.as.ReasonCause))
	}
	c.note(func(call *Call, n *Counts) {
		call.Status = status
		n.Refused++
	})
	c.finalRefusal(r)
}

// challenge asks for digest credentials; the retry takes the record over.
func (c *callee) challenge(stale bool) {
	c.challenging = true
	c.farm.challenged[c.call.CallID] = c
	c.finalRefusal(reply{status: 407, toTag: c.tag, headers: []string{c.farm.guard.challengeLine(c.as.SHA256, stale)}})
}

func (c *callee) finalRefusal(r reply) {
	c.status = r.status
	c.last, c.lastTo = r.encode(c.inv, c.peer)
	c.refusal = c.farm.repeat(c.last, c.lastTo, c.end)
}

func (c *callee) refusalAcked(at time.Time) {
	c.refusal.stop()
	if c.over {
		return
	}
	if !c.challenging {
		c.note(func(call *Call, _ *Counts) { call.AckAt = at })
	}
	c.end()
}

// cancel takes a CANCEL: 200 to it, 487 to the INVITE (RFC 3261 §9.2), or the answer that crossed it.
func (c *callee) cancel(m *message, from netip.AddrPort, at time.Time) {
	first := c.status == 0 && c.call.CancelAt.IsZero()
	if first {
		c.note(func(call *Call, n *Counts) {
			call.CancelAt, call.Reason = at, m.value("reason")
			n.Cancelled++
		})
	}
	if c.as.Kind == Silent && c.as.Status == 0 {
		return
	}
	c.farm.reply(m, from, reply{status: 200, toTag: c.tag})
	if !first {
		return
	}
	c.farm.alarms.stop(c.script)
	if c.as.LateAnswer {
		c.answer()
		return
	}
	c.refuse(487)
}

// end closes the call, once: the media after a linger, the transaction when no retransmission can come any more.
func (c *callee) end() {
	if c.over {
		return
	}
	c.over = true
	f := c.farm
	f.alarms.stop(c.script)
	for _, o := range c.reinvites {
		o.end()
	}
	c.goodbye.stop()
	delete(f.byes, c.goodbyeKey)
	for _, d := range c.dialogs {
		if !d.fork {
			d.ok.stop()
		}
	}
	f.alarms.after(64*f.cfg.T1, c.forget)
	switch {
	case c.stream != nil:
		f.alarms.after(linger, func() { c.stream.closing.Store(true) })
	case !c.challenging:
		f.journal.end(c.call)
	}
	f.cfg.Logger.Debug("call over", "call_id", c.call.CallID, "status", c.status)
}

// forget drops what was kept for retransmissions. A challenge that was never met ends its call.
func (c *callee) forget() {
	f := c.farm
	delete(f.transactions, c.key)
	for _, d := range c.dialogs {
		d.ok.stop()
		delete(f.dialogs, dialogKey(c.call.CallID, d.tag))
	}
	if f.challenged[c.call.CallID] == c {
		delete(f.challenged, c.call.CallID)
		c.note(func(call *Call, n *Counts) {
			call.Status = c.status
			n.Refused++
		})
		f.journal.end(c.call)
	}
}

func reasonLine(cause int) string { return "Reason: Q.850;cause=" + strconv.Itoa(cause) }
