package sip

import (
	"context"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxAdopted bounds the adopted legs that live at once: a response can be forged.
const maxAdopted = 256

// stray is a response that matches no transaction: of a leg whose transaction is over (a 2xx is sent again until it is
// acknowledged), or of a call that nobody here remembers, such as one placed before a restart.
func (a *Agent) stray(res *sip.Response) {
	if !a.crew.enter() {
		return
	}
	defer a.crew.leave()
	defer a.guard("stray response")
	if res.CSeq() == nil || res.CSeq().MethodName != sip.INVITE || res.CallID() == nil {
		return
	}
	if l := a.leg(string(*res.CallID())); l != nil {
		l.offer(res)
		return
	}
	if res.IsSuccess() && a.plausible(res) {
		a.adopt(res)
	}
}

// plausible keeps strangers from making us send: the response must come from the trunk's target and name us in its Via
// (RFC 3261 section 18.1.2).
func (a *Agent) plausible(res *sip.Response) bool {
	src, err := netip.ParseAddrPort(res.Source())
	via := res.Via()
	self := a.self[a.cfg.Transport]
	return err == nil && via != nil && trimBrackets(via.Host) == self.host && via.Port == self.port &&
		res.From() != nil && res.To() != nil && a.door.knows(src.Addr().Unmap())
}

// adopt makes a leg of an answered call that nobody remembers: it is acknowledged and ended, and watched as any other.
func (a *Agent) adopt(res *sip.Response) {
	l := newLeg(a, Invite{CallID: string(*res.CallID())})
	l.tag = tagOf(res.From().Params)
	l.adopted, l.delivered = true, true
	l.phase = watching
	if from, ok := parseHop(res.Source(), a.cfg.Transport); ok {
		l.hop = from
	}
	if a.enlist(l) != nil {
		return
	}
	l.alarm = time.NewTimer(settleFactor * sip.T1)
	l.offer(res)
	// No caller waits for this leg: its alarm, and Close, end it.
	if !a.crew.run(func() { l.run(context.Background()) }) {
		a.retire(l)
	}
}
