package dispatcher

import (
	"context"
	"math"
	"time"
)

// gateMargin covers the jitter between our clock reading and the carrier's counter.
const gateMargin = 5 * time.Millisecond

// Gate is the last check before an INVITE goes to the socket: it lets at most CPS of them (rounded down, at least one)
// pass in any closed second, first come first served. The planner's bucket paces; the gate only bites when calls were
// held up on their way here and would leave in a bunch.
type Gate struct {
	span time.Duration
	now  func() time.Time

	turn chan struct{} // holds one value: whoever has it is next, and owns the fields below
	sent []time.Time   // ring of the last INVITEs
	next int
}

// newGate returns the gate of a trunk with this many calls a second.
func newGate(cps float64) *Gate {
	n := max(1, math.Floor(cps))
	g := &Gate{span: time.Duration(max(1, n/cps)*float64(time.Second)) + gateMargin, now: time.Now,
		turn: make(chan struct{}, 1), sent: make([]time.Time, int(n))}
	g.turn <- struct{}{}
	return g
}

// Pass returns when the INVITE may leave, and counts it; or ctx's error or that of last, and counts nothing. last is asked
// when the turn has come, with nobody passing meanwhile, however long it takes: what passed the gate leaves at once, so
// that a check that hangs cannot bunch INVITEs up behind it.
func (g *Gate) Pass(ctx context.Context, last func() error) error {
	select {
	case <-g.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { g.turn <- struct{}{} }()
	if oldest := g.sent[g.next]; !oldest.IsZero() {
		if wait := g.span - g.now().Sub(oldest); wait > 0 && !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
	if err := last(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	g.sent[g.next] = g.now()
	g.next = (g.next + 1) % len(g.sent)
	return nil
}
