package sip

import (
	"fmt"

	"github.com/avanak/avanak"
)

// enlist registers l under its Call-ID; an error means that the Agent takes no new work, or that the Call-ID is in use.
func (a *Agent) enlist(l *leg) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != running {
		return errNotReady
	}
	if a.legs[l.callID] != nil {
		return fmt.Errorf("call-id %s: %w", l.callID, errInUse)
	}
	if l.adopted {
		if a.kids >= maxAdopted {
			return fmt.Errorf("adopted legs: %w", avanak.ErrLimited)
		}
		a.kids++
	}
	a.legs[l.callID] = l
	a.m.legs.Inc()
	return nil
}

func (a *Agent) retire(l *leg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.legs, l.callID)
	if l.adopted {
		a.kids--
	}
	a.m.legs.Dec()
	if a.state == closing && len(a.legs) == 0 {
		close(a.empty)
	}
}

func (a *Agent) leg(callID string) *leg {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.legs[callID]
}

// hasLeg is the door's question: whether a request passes as one of a call of ours. One that sends many has used its
// right up for a while: each makes a transaction that is remembered for 32 s.
func (a *Agent) hasLeg(callID []byte) bool {
	a.mu.Lock()
	l := a.legs[string(callID)]
	a.mu.Unlock()
	return l != nil && l.requests.Allow()
}
