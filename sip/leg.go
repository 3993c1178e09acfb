package sip

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/digest"
	"github.com/avanak/avanak/sip/locate"
)

// phase is where a leg stands; doc.go has the picture.
type phase uint8

const (
	calling    phase = iota // INVITE sent, nothing came back
	proceeding              // a 1xx came
	cancelling              // CANCEL sent; Invite still waits for the final response
	answered                // Invite has its Call
	watching                // Invite has its failure; a 2xx may still come
	over                    // nothing is owed to anybody
)

// Bounds of a leg.
const (
	maxBranches  = 16 // answered branches of one fork that get an ACK and a BYE
	inboxSize    = 16 // responses outside of the transaction that wait; the far end sends again what finds no room
	finalFactor  = 4  // of T1: how long Invite waits for the final response after CANCEL
	settleFactor = 64 // of T1: how long a 2xx is sent again (RFC 3261 section 13.3.1.4), and so how long we watch
)

// leg is one INVITE and everything that its Call-ID still owes the network. Its goroutine alone touches the fields below
// the line; it lives until the transaction is over and every answered branch has ended.
type leg struct {
	agent   *Agent
	inv     Invite
	callID  string
	ring    time.Duration
	sdp     []byte // our offer
	adopted bool
	result  chan Result        // capacity 1; gets exactly one
	inbox   chan *sip.Response // retransmitted and unmatched responses, never closed
	nudge   chan struct{}      // capacity 1: a Call ended
	first   chan struct{}      // closed by the leg's goroutine when the first 2xx is known

	requests *rate.Limiter // what the door lets in of its dialogs

	tag   string // of our From; set before anybody else sees the leg
	place locate.Place
	hop   hop

	mu    sync.Mutex
	calls map[string]*Call // by their To tag; guarded by mu; written by the leg's goroutine only

	// ---- the goroutine's own ----
	ctx       context.Context //nolint:containedctx // of Invite, for a further INVITE that passes the gate
	invite    *sip.Request    // the latest one; nil where the leg was adopted from an unmatched 2xx
	cseq      uint32          // of the latest request outside of an answered dialog
	again     int             // how often the INVITE was sent anew: challenges, session intervals
	minSE     int             // seconds that a 422 asked for
	exchange  *digest.Exchange
	handed    bool // an INVITE was handed to sipgo
	tx        sip.ClientTransaction
	responses <-chan *sip.Response // nil once the transaction is over
	txDone    <-chan struct{}      // nil once the transaction is over
	stopped   bool                 // the transaction was ended early: hop-by-hop ACKs are ours to send
	phase     phase
	alarm     *time.Timer // what it means depends on the phase
	cancelled bool        // CANCEL was sent
	final     bool        // a final response came
	delivered bool
	draining  bool              // Close has begun
	res       Result            // what Invite will get
	early     map[string]*early // by To tag
}

func newLeg(a *Agent, inv Invite) *leg {
	return &leg{agent: a, inv: inv, callID: inv.CallID, ring: inv.RingLimit, sdp: inv.SDP, cseq: 1,
		exchange: a.exchange(), tag: sip.GenerateTagN(16), result: make(chan Result, 1), inbox: make(chan *sip.Response, inboxSize),
		nudge: make(chan struct{}, 1), first: make(chan struct{}), calls: make(map[string]*Call),
		requests: rate.NewLimiter(dialogRate, dialogBurst)}
}

// offer hands the leg a response from outside of its transaction channel. It never blocks.
func (l *leg) offer(res *sip.Response) {
	select {
	case l.inbox <- res:
	default:
	}
}

// run moves the leg until it is over.
func (l *leg) run(ctx context.Context) {
	defer l.agent.retire(l)
	defer l.alarm.Stop()
	defer l.breakdown()
	if l.inv.OnSent != nil {
		l.inv.OnSent(l.res.Timing.Sent)
	}
	given, drain := ctx.Done(), l.agent.drain
	beat, rest := l.agent.beat(l.hop.over)
	defer rest()
	for !l.finished() {
		select {
		case <-beat:
			if l.txDone != nil && !l.agent.carries(l.tx, l.hop) {
				l.stop()
				l.lost(errBroken)
			}
		case res := <-l.responses:
			l.receive(res)
		case res := <-l.inbox:
			l.receive(res)
		case <-l.nudge:
		case <-l.alarm.C:
			l.timeout()
		case <-l.txDone:
			l.transactionOver()
		case <-given:
			given = nil
			l.giveUp(Cancelled, ctx.Err())
		case <-drain:
			drain, l.draining = nil, true
			l.giveUp(Cancelled, ErrClosing)
			l.hangUpAll()
		case <-l.agent.quit:
			l.deliver(Cancelled, ErrClosing)
			l.abandon()
			return
		}
	}
}

// finished tells whether nothing is owed any more.
func (l *leg) finished() bool {
	switch l.phase {
	case over:
		return l.idle()
	case answered:
		return (l.txDone == nil || l.draining) && l.idle()
	case watching: // once the far end has spoken its last word, a Close need not wait for a copy of it
		return l.draining && l.final && l.idle()
	case calling, proceeding, cancelling:
	}
	return false
}

// idle tells whether every answered branch has ended.
func (l *leg) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		if !c.over() {
			return false
		}
	}
	return true
}

// enter changes the phase and sets the alarm that belongs to it.
func (l *leg) enter(p phase, alarm time.Duration) {
	l.phase = p
	l.alarm.Reset(alarm)
}

// watch waits for what may still come.
func (l *leg) watch() { l.enter(watching, settleFactor*sip.T1) }

// timeout is what the alarm means in each phase.
func (l *leg) timeout() {
	switch l.phase {
	case calling:
		select { // what came at the last moment counts
		case res := <-l.responses:
			l.receive(res)
			return
		default:
		}
		l.agent.health.suspect(l.hop.addr)
		l.giveUp(Silent, ErrNoResponse)
	case proceeding:
		l.giveUp(RingLimit, nil)
	case cancelling:
		l.deliver(l.res.End, l.res.Err)
		l.watch()
	case watching:
		l.stop()
		l.phase = over
	case answered: // an INVITE that was overtaken, and has no final response yet
		l.stop()
	case over:
	}
}

// giveUp ends the wait for an answer. In the calling phase nothing has come back: a CANCEL must not be sent
// (RFC 3261 section 9.1), and the INVITE must not be sent again either, or a phone would ring for a call that is given up.
func (l *leg) giveUp(end End, err error) {
	switch l.phase {
	case calling:
		l.stop()
		l.deliver(end, err)
		l.watch()
	case proceeding:
		l.res.End, l.res.Err = end, err
		l.cancel()
		l.enter(cancelling, finalFactor*sip.T1)
	case cancelling, answered, watching, over:
	}
}

// transactionOver is the end of sipgo's transaction: its timers ran out, or the transport failed.
func (l *leg) transactionOver() {
	l.responses, l.txDone = nil, nil
	l.lost(l.tx.Err())
}

// lost is the end of the INVITE's way: a later send failed, but the INVITE had left before; its connection is gone; or
// Close ran out of time.
func (l *leg) lost(err error) {
	switch l.phase {
	case calling, proceeding, cancelling:
		l.stopped = true
		if l.phase == proceeding { // the phone rings on: the far end may take a CANCEL by a new connection
			l.cancel()
		}
		select {
		case <-l.agent.drain:
			l.deliver(Cancelled, ErrClosing)
		default:
			if errors.Is(err, errBroken) {
				l.agent.m.cut.Inc()
			}
			l.agent.health.suspect(l.hop.addr)
			l.deliver(Silent, fmt.Errorf("%w: %w", ErrNoResponse, err))
		}
		l.watch()
	case watching, answered, over:
	}
}

// stop ends the transaction early. What still comes reaches us as unmatched responses.
func (l *leg) stop() {
	if l.txDone == nil {
		return
	}
	l.stopped = true
	l.responses, l.txDone = nil, nil
	l.tx.Terminate()
}

// cancel sends CANCEL, once, and leaves its transaction to a goroutine of its own.
func (l *leg) cancel() {
	if l.cancelled || l.invite == nil {
		return
	}
	l.cancelled = true
	template := l.hopByHop(sip.CANCEL, l.invite.To())
	template.AppendHeader(sip.NewHeader("Reason", `SIP;cause=487;text="Request Terminated"`))
	l.agent.crew.run(func() {
		defer l.agent.guard("cancel")
		l.agent.settle(template.Clone)
	})
}

// deliver gives Invite its Result, once.
func (l *leg) deliver(end End, err error) {
	if l.delivered {
		return
	}
	l.delivered = true
	l.res.End, l.res.Err = end, err
	if l.res.Timing.Ended.IsZero() && end != Answered {
		l.res.Timing.Ended = time.Now()
	}
	l.result <- l.res
}

func (l *leg) hangUpAll() {
	for _, c := range l.snapshot() {
		c.leave(CauseNormal)
	}
}

// abandon drops what lives without a word: the Agent has no more time, or the leg is broken.
func (l *leg) abandon() {
	l.stop()
	l.phase = over
	for _, c := range l.snapshot() {
		c.end(avanak.Us, 0)
	}
}

func (l *leg) snapshot() []*Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := make([]*Call, 0, len(l.calls))
	for _, c := range l.calls {
		calls = append(calls, c)
	}
	return calls
}

// breakdown, deferred by run, makes a panic the end of this leg only. Answered branches get their BYE.
func (l *leg) breakdown() {
	p := recover()
	if p == nil {
		return
	}
	l.agent.panicked("leg "+l.callID, p)
	l.deliver(Broken, errPanic)
	l.hangUpAll()
	l.stop()
}
