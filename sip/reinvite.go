package sip

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// reinvite sends a re-INVITE and returns its final response, nil where none came in 64*T1, a 503 where it could not leave. A 2xx is acknowledged, its
// copies too. Where the far end's own re-INVITE is under way, it is not sent: the answer is 491 then (RFC 3261 section
// 14.1), as the far end would give.
func (c *Call) reinvite(build func() *sip.Request) *sip.Response {
	a := c.agent
	defer c.offering(false)
	x := a.exchange()
	for range maxChallenges + 1 {
		if !c.offering(true) {
			return &sip.Response{StatusCode: 491}
		}
		req := build()
		authorize(x, req, req.Body())
		tx, err := a.begin(a.life, req)
		if err != nil { // it did not leave: there is time for another try, and the far end knows of nothing
			return &sip.Response{StatusCode: 503}
		}
		acknowledge := func(res *sip.Response) {
			if res.IsSuccess() {
				c.dialog.refresh(res)
				_ = a.write(c.dialog.request(sip.ACK, req.CSeq().SeqNo)) // the far end sends its 2xx again, and we our ACK
			}
		}
		tx.OnRetransmission(acknowledge)
		res := c.conclusion(tx)
		if res == nil {
			tx.Terminate()
			return nil
		}
		c.offering(false) // before the ACK leaves: the far end may offer as soon as it has it
		acknowledge(res)
		if res.IsSuccess() {
			c.heed(res.Body())
		}
		accepted(x, res)
		if !challenged(res) || a.challenge(x, res) != nil {
			return res // the transaction goes on by itself: it acknowledges copies
		}
	}
	return nil
}

// conclusion waits for a final response.
func (c *Call) conclusion(tx sip.ClientTransaction) *sip.Response {
	limit := time.NewTimer(64 * sip.T1)
	defer limit.Stop()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res
			}
		case <-tx.Done():
			return nil
		case <-limit.C:
			return nil
		case <-c.done:
			return nil
		case <-c.agent.quit:
			return nil
		}
	}
}

// offering notes that our re-INVITE is under way; false where one of theirs is.
func (c *Call) offering(on bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on && c.acked.came != nil {
		return false
	}
	c.ours = on
	return true
}
