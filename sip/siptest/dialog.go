package siptest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// normalClearing is the Q.850 cause of an ordinary hang-up.
const normalClearing = 16

// dialog is one answered leg of a callee: the one that counts, or its fork.
type dialog struct {
	callee *callee
	tag    string
	fork   bool
	ok     *repeater // of the 200
	acks   int
	acked  bool
}

// prepare reads the offer and opens the media socket, once; it returns the status of the refusal where that fails,
// else 0.
func (c *callee) prepare() int {
	if c.sdp != nil {
		return 0
	}
	offer, err := readOffer(c.inv.body)
	if err != nil {
		return 488
	}
	format, err := offer.choose(c.as.ULaw)
	if err != nil {
		return 488
	}
	c.stream, err = c.farm.media.open(c.call, c.farm.addr.Addr())
	if err != nil {
		c.farm.cfg.Logger.Debug("no media socket", "call_id", c.call.CallID, "err", err)
		return 500
	}
	media := netip.AddrPortFrom(c.farm.host, c.stream.addr.Port())
	c.offer, c.format, c.sdp = offer, format, offer.answer(media, format)
	if c.as.AnswerSDP != "" {
		c.sdp = []byte(c.as.AnswerSDP)
	}
	c.note(func(call *Call, _ *Counts) { call.PayloadType, call.Media, call.Offered = format, media, offer.media })
	if c.as.EchoRTP && !offer.media.Addr().IsUnspecified() {
		c.stream.echo = offer.media
	}
	if c.as.TalkRTP {
		c.stream.talk = offer.media
	}
	c.farm.media.watch(c.stream)
	return 0
}

// answer sends the 200, and that of the fork, until they are acknowledged.
func (c *callee) answer() {
	if status := c.prepare(); status != 0 {
		c.refuse(status)
		return
	}
	c.status = 200
	c.note(func(call *Call, n *Counts) {
		call.AnsweredAt, call.Status = time.Now(), 200
		n.Answered++
	})
	c.openDialog(c.tag, false)
	if c.as.ForkAnswer {
		c.openDialog(rand.Text(), true)
	}
	if c.as.HangUpAfter > 0 {
		c.script = c.farm.alarms.after(c.as.HangUpAfter, c.hangUp)
	}
}

func (c *callee) openDialog(tag string, fork bool) {
	d := &dialog{callee: c, tag: tag, fork: fork}
	c.dialogs = append(c.dialogs, d)
	c.farm.dialogs[dialogKey(c.call.CallID, tag)] = d
	r := reply{status: 200, toTag: tag, body: c.sdp, headers: append([]string{c.farm.contact(), "Allow: " + allow},
		c.as.Extra...)}
	bytes, to := r.encode(c.inv, c.peer)
	if !fork {
		c.last, c.lastTo = bytes, to
	}
	d.ok = c.farm.repeat(bytes, to, d.unacknowledged)
}

// unacknowledged ends a call whose ACK never came (RFC 3261 §13.3.1.4).
func (d *dialog) unacknowledged() {
	if !d.fork && d.callee.goodbye == nil && !d.callee.over {
		d.callee.sayGoodbye()
	}
}

func (d *dialog) ack(at time.Time) {
	c := d.callee
	d.acks++
	lost := d.acks <= c.as.IgnoreAcks
	first := !lost && !d.acked
	if first {
		d.acked = true
		d.ok.stop()
	}
	c.note(func(call *Call, n *Counts) {
		switch {
		case d.fork && first:
			call.Fork.AckAt = at
		case d.fork:
		default:
			call.Acks++
			if first {
				call.AckAt = at
				n.Acked++
			}
		}
	})
	if first && !d.fork {
		c.propose(0)
		if c.hangUpDue {
			c.hangUp()
		}
	}
}

// bye takes the caller's BYE.
func (d *dialog) bye(m *message, from netip.AddrPort, at time.Time) {
	c := d.callee
	d.ok.stop()
	c.note(func(call *Call, n *Counts) {
		if d.fork {
			if call.Fork.ByeAt.IsZero() {
				call.Fork.ByeAt = at
			}
			return
		}
		call.Byes++
		if call.ByeAt.IsZero() {
			call.ByeAt, call.ByeBy, call.Reason = at, Caller, m.value("reason")
			n.Byes++
		}
	})
	if !c.as.IgnoreBye {
		c.farm.reply(m, from, reply{status: 200})
	}
	// Where our own BYE has crossed, its answer ends the call.
	if !d.fork && c.goodbye == nil {
		c.end()
	}
}

// hangUp sends the callee's BYE, after the ACK at the earliest (RFC 3261 §15).
func (c *callee) hangUp() {
	if c.over || c.goodbye != nil {
		return
	}
	if !c.dialogs[0].acked {
		c.hangUpDue = true
		return
	}
	c.sayGoodbye()
}

// sayGoodbye sends BYE until it is answered.
func (c *callee) sayGoodbye() {
	branch := branchCookie + rand.Text()
	cause := normalClearing
	if c.as.ReasonCause > 0 {
		cause = c.as.ReasonCause
	}
	c.cseq++
	bytes, to := c.encodeRequest("BYE", branch, c.cseq, nil, reasonLine(cause))
	c.goodbyeKey = branch
	c.farm.byes[branch] = c
	c.note(func(call *Call, n *Counts) {
		call.ByeAt, call.ByeBy = time.Now(), Callee
		n.Byes++
	})
	c.goodbye = c.farm.repeat(bytes, to, c.end)
}

func (c *callee) byeAnswered(status int) {
	c.note(func(call *Call, _ *Counts) { call.ByeStatus = status })
	c.end()
}

var errContact = errors.New("no usable Contact")

// encodeRequest writes a request within the dialog by the INVITE's Contact and Record-Route (RFC 3261 §12.1.1, §12.2.1.1;
// loose routing), and tells where it goes: where those name no IP address, back to where the INVITE came from. extra are
// further header lines, body is SDP.
func (c *callee) encodeRequest(method, branch string, cseq int, body []byte, extra ...string) ([]byte, netip.AddrPort) {
	target, err := c.contactURI()
	if err != nil {
		target, _ = splitAddress(c.inv.value("from"))
	}
	var routes []string
	for _, line := range c.inv.all("record-route") {
		routes = append(routes, splitList(line)...)
	}
	hop := target
	if len(routes) > 0 {
		hop, _ = splitAddress(routes[0])
	}
	to, ok := addrOf(hop)
	if !ok {
		to = c.peer
	}
	local := netip.AddrPortFrom(c.farm.host, c.farm.addr.Port()).String()
	lines := []string{method + " " + target + " SIP/2.0", "Via: SIP/2.0/UDP " + local + ";branch=" + branch + ";rport",
		"Max-Forwards: 70"}
	for _, route := range routes {
		lines = append(lines, "Route: "+route)
	}
	lines = append(lines, "From: "+c.inv.value("to")+";tag="+c.tag, "To: "+c.inv.value("from"), "Call-ID: "+c.inv.callID,
		fmt.Sprintf("CSeq: %d %s", cseq, method))
	lines = append(lines, extra...)
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "", string(body))
	return []byte(strings.Join(lines, "\r\n")), to
}

// contactURI is the remote target: the URI of the INVITE's Contact.
func (c *callee) contactURI() (string, error) {
	uri, _ := splitAddress(splitList(c.inv.value("contact"))[0])
	if uri == "" || strings.ContainsAny(uri, " \t") {
		return "", errContact
	}
	return uri, nil
}
