package siptest

import (
	"crypto/rand"
	"net/netip"
	"time"
)

// maxTries bounds the memory of calls by number in a farm that forgets calls.
const maxTries = 1 << 16

// request dispatches a request by method.
func (f *Farm) request(m *message, from netip.AddrPort, at time.Time) {
	switch m.method {
	case "INVITE":
		f.invite(m, from, at)
	case "ACK":
		f.ack(m, at)
	case "CANCEL":
		if c := f.transactions[m.transaction()]; c != nil {
			c.cancel(m, from, at)
			return
		}
		f.stray(m, from)
	case "BYE":
		if d := f.dialog(m); d != nil {
			d.bye(m, from, at)
			return
		}
		f.stray(m, from)
	case "OPTIONS":
		f.journal.count(func(n *Counts) { n.Options++ })
		f.reply(m, from, reply{status: 200, toTag: rand.Text(), headers: []string{"Allow: " + allow,
			"Accept: application/sdp"}})
	case "INFO", "UPDATE", "PRACK":
		if f.dialog(m) != nil {
			f.reply(m, from, reply{status: 200})
			return
		}
		f.stray(m, from)
	default:
		f.reply(m, from, reply{status: 405, toTag: rand.Text(), headers: []string{"Allow: " + allow}})
	}
}

// reply sends a response that nobody has to remember.
func (f *Farm) reply(m *message, from netip.AddrPort, r reply) { f.send(r.encode(m, from)) }

// stray answers a request that belongs to nothing.
func (f *Farm) stray(m *message, from netip.AddrPort) {
	f.journal.count(func(n *Counts) { n.Strays++ })
	f.reply(m, from, reply{status: 481, toTag: rand.Text()})
}

// dialog finds the dialog of a request by Call-ID and both tags (RFC 3261 §12.2.2).
func (f *Farm) dialog(m *message) *dialog {
	d := f.dialogs[dialogKey(m.callID, m.toTag)]
	if d == nil || d.callee.inv.fromTag != m.fromTag {
		return nil
	}
	return d
}

func dialogKey(callID, tag string) string { return callID + "\x00" + tag }

// invite takes an INVITE: a retransmission, a re-INVITE or a new call.
func (f *Farm) invite(m *message, from netip.AddrPort, at time.Time) {
	key := m.transaction()
	if c := f.transactions[key]; c != nil {
		c.again()
		return
	}
	if m.toTag != "" {
		if d := f.dialog(m); d != nil {
			f.reply(m, from, reply{status: 200, headers: []string{f.contact()}, body: d.callee.sdp})
			return
		}
		f.stray(m, from)
		return
	}
	if len(f.transactions) >= f.cfg.MaxCalls {
		f.journal.count(func(n *Counts) { n.Overload++ })
		f.reply(m, from, reply{status: 503, toTag: rand.Text(), headers: []string{"Retry-After: 1"}})
		return
	}
	uri, _ := splitAddress(m.value("from"))
	inv := Invite{CallID: m.callID, Number: userOf(m.uri), From: userOf(uri), CSeq: m.cseq, At: at, Source: from,
		Authorized: m.value("proxy-authorization") != "" || m.value("authorization") != ""}
	c := &callee{farm: f, inv: m, peer: from, key: key, tag: rand.Text()}
	f.transactions[key] = c
	f.admit(c, inv)
	c.begin()
}

// admit gives a callee its record and script: those of the challenged call where this is its digest retry.
func (f *Farm) admit(c *callee, inv Invite) {
	if before := f.challenged[inv.CallID]; before != nil {
		delete(f.challenged, inv.CallID)
		c.call, c.as = before.call, before.as
		c.note(func(call *Call, n *Counts) {
			inv.Repeat = true
			c.nth = len(call.Invites)
			call.Invites = append(call.Invites, inv)
			n.Invites++
		})
		return
	}
	if f.cfg.KeepCalls > 0 && len(f.tries) >= maxTries {
		clear(f.tries)
	}
	f.tries[inv.Number]++
	nth := f.tries[inv.Number]
	behaviour := f.cfg.Behave(inv.Number, nth)
	c.as = behaviour.withDefaults()
	c.call = &Call{CallID: inv.CallID, Number: inv.Number, From: inv.From, Nth: nth, Behaviour: behaviour,
		Invites: []Invite{inv}, Times: Times{InviteAt: inv.At}}
	f.journal.open(c.call)
}

// ack takes an ACK: of a refusal (same transaction) or of a 2xx (same dialog).
func (f *Farm) ack(m *message, at time.Time) {
	if c := f.transactions[m.transaction()]; c != nil && c.status >= 300 {
		c.refusalAcked(at)
		return
	}
	if d := f.dialog(m); d != nil {
		d.ack(at)
		return
	}
	f.journal.count(func(n *Counts) { n.Strays++ })
}

// response takes a response: only the callees' own BYEs and re-INVITEs have any.
func (f *Farm) response(m *message) {
	if o := f.offerings[m.via.branch]; o != nil && m.cmethod == "INVITE" && m.status >= 200 {
		o.answered(m)
		return
	}
	if c := f.byes[m.via.branch]; c != nil && m.cmethod == "BYE" && m.status >= 200 {
		c.byeAnswered(m.status)
	}
}

// contact is the farm's Contact line.
func (f *Farm) contact() string {
	return "Contact: <sip:callee@" + netip.AddrPortFrom(f.host, f.addr.Port()).String() + ">"
}
