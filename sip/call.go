package sip

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak"
)

// Call is an answered call. It lives until the far end or we end it; whoever got it from Invite must Hangup.
type Call struct {
	agent   *Agent
	dialog  *dialog
	ack     *sip.Request  // sent again for each retransmitted 2xx; touched by the leg's goroutine only
	local   []byte        // our session description, as it was offered
	wake    func()        // tells the leg that the call ended
	done    chan struct{} // closed by end
	session *session      // its timer (RFC 4028)
	updates chan struct{} // capacity 1: RemoteSDP changed

	mu      sync.Mutex
	sdp     []byte      // guarded by mu
	leaving bool        // our BYE is under way; guarded by mu
	by      avanak.Side // guarded by mu
	cause   int         // guarded by mu
	ended   time.Time   // guarded by mu
	acked   ackWait     // guarded by mu
	ours    bool        // our re-INVITE is under way; guarded by mu
	held    Direction   // what the far end asked for last; guarded by mu
	rest    string      // streams that the far end turned down, as we say them; guarded by mu
	version int         // of our session description; guarded by mu
}

// ackWait is the re-INVITE whose 2xx the far end has not acknowledged yet.
type ackWait struct {
	seq     uint32
	offered bool          // our 2xx has an offer, its ACK the answer
	came    chan struct{} // closed when the ACK came; nil where none is awaited
}

func newCall(l *leg, res *sip.Response) *Call {
	c := &Call{agent: l.agent, dialog: newDialog(l, res), local: l.sdp, wake: l.poke, done: make(chan struct{}),
		updates: make(chan struct{}, 1), held: SendRecv, sdp: slices.Clone(res.Body())}
	c.ack = c.dialog.request(sip.ACK, c.dialog.invite)
	if l.invite != nil { // the ACK carries the INVITE's credentials (RFC 3261 section 22.1)
		for _, name := range []string{"Authorization", "Proxy-Authorization"} {
			for _, h := range l.invite.GetHeaders(name) {
				c.ack.AppendHeader(h)
			}
		}
	}
	c.session = newSession(c, res)
	l.agent.m.calls.Inc()
	return c
}

// CallID is the Call-ID that the Invite named.
func (c *Call) CallID() string { return c.dialog.callID }

// RemoteSDP is the far end's session description: that of the 2xx, or of a later offer of theirs that we accepted. It may
// be empty; the caller must not change it.
func (c *Call) RemoteSDP() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sdp
}

// Updated is readable after the far end has changed its session description: it moved its media, or holds the call.
func (c *Call) Updated() <-chan struct{} { return c.updates }

// Done is closed when the call has ended: the far end sent BYE, our BYE was answered or stayed unanswered for 64*T1, or
// the Agent closed.
func (c *Call) Done() <-chan struct{} { return c.done }

// EndedBy tells who ended the call; avanak.Nobody while it lives.
func (c *Call) EndedBy() avanak.Side {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by
}

// Cause is the Q.850 cause with which the call ended: of the far end's BYE (0 where it gave none), or of our Hangup.
func (c *Call) Cause() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Ended is the instant at which the call ended, zero while it lives.
func (c *Call) Ended() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Hangup ends the call with a BYE that carries a Q.850 cause (CauseNormal in most cases) and waits for Done. Any final
// response and silence count as ended (a 481 says no more than that the far end was first). The only error is ctx's: then
// the BYE goes on without the caller. It may be called many times, and after the call has ended.
func (c *Call) Hangup(ctx context.Context, cause int) error {
	c.leave(cause)
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("hang up %s: %w", c.dialog.callID, ctx.Err())
	}
}

// leave starts our BYE, once.
func (c *Call) leave(cause int) {
	c.mu.Lock()
	first := !c.leaving && c.ended.IsZero()
	c.leaving = c.leaving || first
	c.mu.Unlock()
	if !first {
		return
	}
	c.session.end()
	if !c.agent.crew.run(func() { c.bye(cause) }) {
		c.end(avanak.Us, cause)
	}
}

func (c *Call) bye(cause int) {
	defer c.end(avanak.Us, cause)
	defer c.agent.guard("bye")
	c.agent.settle(func() *sip.Request {
		req := c.dialog.request(sip.BYE, c.dialog.count(), q850(cause))
		c.agent.fit(req)
		return req
	})
}

// end closes the call, once.
func (c *Call) end(by avanak.Side, cause int) {
	c.mu.Lock()
	if !c.ended.IsZero() {
		c.mu.Unlock()
		return
	}
	if c.leaving { // a BYE that crossed ours ends the call, but we were the ones to end it
		by = avanak.Us
	}
	c.by, c.cause, c.ended = by, cause, time.Now()
	c.mu.Unlock()
	c.agent.m.calls.Dec()
	close(c.done)
	c.session.end()
	c.wake()
}

func (c *Call) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// acknowledge sends the ACK of the 2xx.
func (c *Call) acknowledge() error {
	if err := c.agent.write(c.ack); err != nil {
		return fmt.Errorf("ack %s: %w", c.dialog.callID, err)
	}
	return nil
}
