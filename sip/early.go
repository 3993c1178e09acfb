package sip

import (
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// early is what provisional responses said of one branch of the INVITE (RFC 3261 section 12.1: an early dialog).
type early struct {
	sdp  []byte // for a 2xx that comes without: some far ends leave it out
	rseq uint32 // of the last reliable one (RFC 3262)
}

// keepEarly takes in what a provisional response says of its branch; false means that it is to be passed over: a copy of
// a reliable one, or one that overtook another (RFC 3262 section 4).
func (l *leg) keepEarly(res *sip.Response) bool {
	tag := tagOf(res.To().Params)
	rseq, reliable := reliably(res)
	if tag == "" || (len(res.Body()) == 0 && !reliable) {
		return true
	}
	e := l.early[tag]
	if e == nil {
		if len(l.early) >= maxBranches {
			return true
		}
		if l.early == nil {
			l.early = make(map[string]*early)
		}
		e = new(early)
		l.early[tag] = e
	}
	if reliable {
		switch {
		case e.rseq == rseq && rseq != 0: // its PRACK is under way
			return false
		case e.rseq != 0 && rseq != e.rseq+1:
			return false
		}
		e.rseq = rseq
		l.prack(res, rseq)
	}
	if n := len(res.Body()); n > 0 && n <= maxSDP {
		e.sdp = slices.Clone(res.Body())
	}
	return true
}

// reliably tells whether a provisional response must be acknowledged by PRACK, and its number (RFC 3262 section 4). We do
// not offer 100rel, but a far end that requires it all the same would not go on without.
func reliably(res *sip.Response) (rseq uint32, ok bool) {
	if res.StatusCode == 100 {
		return 0, false
	}
	for _, h := range res.GetHeaders("Require") {
		for option := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(option), "100rel") {
				n, err := strconv.ParseUint(headerValue(res.GetHeader("RSeq")), 10, 32)
				return uint32(n), err == nil && n > 0
			}
		}
	}
	return 0, false
}

// prack acknowledges a reliable provisional response, in a transaction that a goroutine of its own sees through.
func (l *leg) prack(res *sip.Response, rseq uint32) {
	if l.invite == nil || l.phase == over {
		return
	}
	d := newDialog(l, res)
	l.cseq++
	seq := l.cseq
	rack := sip.NewHeader("RAck", strconv.FormatUint(uint64(rseq), 10)+" "+
		strconv.FormatUint(uint64(res.CSeq().SeqNo), 10)+" INVITE")
	l.agent.m.pracks.Inc()
	l.agent.crew.run(func() {
		defer l.agent.guard("prack")
		l.agent.settle(func() *sip.Request { return d.request(sip.PRACK, seq, rack) })
	})
}
