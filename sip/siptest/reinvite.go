package siptest

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// offering is a re-INVITE of a callee's, the nth of its script.
type offering struct {
	callee *callee
	nth    int
	branch string
	cseq   int
	sentAt time.Time
	send   *repeater
	due    *alarm
	ack    []byte // nil before the answer
	ackTo  netip.AddrPort
}

// propose plans the nth re-INVITE of the script.
func (c *callee) propose(nth int) {
	if nth == len(c.as.Reinvites) {
		return
	}
	o := &offering{callee: c, nth: nth, branch: branchCookie + rand.Text()}
	o.due = c.farm.alarms.after(c.as.Reinvites[nth].After, o.begin)
	c.reinvites = append(c.reinvites, o)
}

// begin sends it until it is answered.
func (o *offering) begin() {
	c := o.callee
	if c.over || c.goodbye != nil {
		return
	}
	c.cseq++
	o.cseq, o.sentAt = c.cseq, time.Now()
	bytes, to := c.encodeRequest("INVITE", o.branch, o.cseq, o.body(), c.farm.contact(), "Content-Type: application/sdp")
	c.farm.offerings[o.branch] = o
	o.send = c.farm.repeat(bytes, to, func() {})
}

// body is the session description: that of the answer with what the script changes, and a version of its own.
func (o *offering) body() []byte {
	c, as := o.callee, o.callee.as.Reinvites[o.nth]
	media, format := netip.AddrPortFrom(c.farm.host, c.stream.addr.Port()), uint8(PCMA)
	if as.ULaw {
		format = PCMU
	}
	before, _, _ := strings.Cut(string(c.offer.answer(media, format)), " 1 IN ")
	if as.Media.IsValid() {
		media = as.Media
	}
	_, after, _ := strings.Cut(string(c.offer.answer(media, format)), " 1 IN ")
	if as.Direction != "" {
		after = strings.Replace(after, "a=sendrecv", "a="+as.Direction, 1)
	}
	return fmt.Appendf(nil, "%s %d IN %s", before, o.nth+2, after)
}

// answered takes a final response, or a copy of it: each gets its ACK.
func (o *offering) answered(m *message) {
	c := o.callee
	first := o.ack == nil
	if first {
		branch := o.branch
		if m.status < 300 { // the ACK of a 2xx is a transaction of its own (RFC 3261 §13.2.2.4)
			branch = branchCookie + rand.Text()
		}
		o.ack, o.ackTo = c.encodeRequest("ACK", branch, o.cseq, nil)
	}
	c.farm.send(o.ack, o.ackTo)
	if !first {
		return
	}
	o.send.stop()
	c.note(func(call *Call, _ *Counts) {
		call.Reinvites = append(call.Reinvites, Reinvited{SentAt: o.sentAt, AnsweredAt: time.Now(), Status: m.status,
			Direction: direction(m.body)})
	})
	if !c.over {
		c.propose(o.nth + 1)
	}
}

// end forgets it.
func (o *offering) end() {
	o.send.stop()
	o.callee.farm.alarms.stop(o.due)
	delete(o.callee.farm.offerings, o.branch)
}

// direction is the last that a session description names (RFC 8866 §6.7), "" where it names none.
func direction(body []byte) string {
	found := ""
	for line := range strings.Lines(string(body)) {
		switch d := strings.TrimPrefix(strings.TrimSpace(line), "a="); d {
		case "sendrecv", "sendonly", "recvonly", "inactive":
			found = d
		}
	}
	return found
}
