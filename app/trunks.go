package app

import (
	"sync"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/dispatcher"
)

// Words of the dispatcher's for where a trunk stands.
const (
	trunkUp      = "up"
	trunkProbing = "probing"
	trunkResting = "resting"
)

// trunkNotes is where the trunks stand, for the operator.
type trunkNotes struct {
	mu     sync.Mutex
	states map[string]dispatcher.Transition // by trunk, the last one that settled anything; guarded by mu
}

// newTrunkNotes is about trunks that are all up.
func newTrunkNotes(trunks []avanak.Trunk) *trunkNotes {
	n := &trunkNotes{states: make(map[string]dispatcher.Transition, len(trunks))}
	for _, t := range trunks {
		n.states[t.Name] = dispatcher.Transition{Trunk: t.Name, To: trunkUp}
	}
	return n
}

// moved notes a change. A probe settles nothing: until it has ended, what it probes still holds.
func (n *trunkNotes) moved(t dispatcher.Transition) {
	if t.To == trunkProbing {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.states[t.Trunk] = t
}

// usable tells whether any trunk can be counted on. A rest passes by itself, as a busy machine does; who is paused or down
// needs somebody's hand, ours or the carrier's.
func (n *trunkNotes) usable() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.states {
		if t.To == trunkUp || t.To == trunkResting {
			return true
		}
	}
	return false
}

// describe adds each trunk to checks: "ok", or what is wrong.
func (n *trunkNotes) describe(checks map[string]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, t := range n.states {
		checks["trunk:"+name] = "ok"
		if t.To != trunkUp {
			checks["trunk:"+name] = t.To + ": " + t.Why
		}
	}
}
