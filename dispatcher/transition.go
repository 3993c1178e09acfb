package dispatcher

import "time"

// state is where a trunk stands, as one word for people and metrics.
type state string

// The states. What is worse covers what is better: a trunk that is down may be at rest as well.
const (
	up      state = "up"      // calls go over it, at the pace that feedback leaves
	resting state = "resting" // it failed call after call, or asked for a rest
	probing state = "probing" // one call finds out whether it works again
	paused  state = "paused"  // it refuses us: somebody must look at the settings
	down    state = "down"    // its signalling says that no call can be placed
)

var states = []state{up, resting, probing, paused, down}

// Why a trunk's state changed; where its signalling says why it is down, that is a line for people instead.
const (
	whyFailures     = "failures"     // calls that the trunk failed, in a row
	whyRetryAfter   = "retry_after"  // it said when it wants calls again
	whyUnauthorised = "unauthorised" // 401 or 407: our password is wrong
	whyRefused      = "refused"      // calls in which the trunk refused us, in a row
	whyProbe        = "probe"        // its rest is over
	whyProbeFailed  = "probe_failed"
	whyProbeUnused  = "probe_unused" // nothing left: the next call finds out instead
	whyRested       = "rested"       // the time is over that it asked for
	whyWorks        = "works"        // a callee has spoken
	whyUsable       = "usable"       // its signalling says so
)

// Transition is a change of a trunk's state, for whoever keeps the operator informed.
type Transition struct {
	Trunk    string
	From, To string // "up", "resting", "probing", "paused" or "down"
	Why      string // one word; one line for people where the trunk is down
	At       time.Time
}

// state returns where the trunk stands.
func (t *trunk) state() state {
	switch {
	case t.down():
		return down
	case t.breaker.probing:
		return probing
	case t.breaker.mode == modePaused:
		return paused
	case t.breaker.mode == modeResting:
		return resting
	}
	return up
}

// moved tells whoever wants to know that a trunk's state is not what it was, if so.
func (p *planner) moved(now time.Time, t *trunk, was state, why string) {
	is := t.state()
	if is == was {
		return
	}
	m, note := p.d.metrics, p.d.log.Warn
	m.state.WithLabelValues(t.Name, string(was)).Set(0)
	m.state.WithLabelValues(t.Name, string(is)).Set(1)
	m.moves.WithLabelValues(t.Name, string(is)).Inc()
	if is == up || is == probing {
		note = p.d.log.Info
	}
	facts := []any{"trunk", t.Name, "state", string(is), "reason", why}
	if is == resting || is == paused {
		facts = append(facts, "next_call_in", t.breaker.until.Sub(now).Round(time.Second))
	}
	note("trunk state changed", facts...)
	if p.d.cfg.OnTransition != nil {
		p.d.cfg.OnTransition(Transition{Trunk: t.Name, From: string(was), To: string(is), Why: why, At: now})
	}
}
