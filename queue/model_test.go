package queue

import (
	"slices"
	"time"

	"github.com/avanak/avanak"
)

// model is a campaign as plain Go, without Redis, segments or scripts: what package queue promises. It knows nothing of
// keys; where a recipient is, follows from its fields.
type model struct {
	run        avanak.Run
	uploading  bool // an upload is begun and not committed
	recipients []modelRecipient
	retry      avanak.RetryPolicy
	redial     bool
	now        time.Time
	open       bool // the window
	tokens     uint64
	answered   int
	rejected   int
}

type modelRecipient struct {
	state     avanak.State
	attempts  int
	uncharged int
	uncertain bool      // the last attempt's end is not known
	touched   bool      // was leased before
	due       time.Time // of a retry that Promote has not moved yet; zero otherwise
	lease     modelLease
}

// modelLease is a lease; token 0 is none.
type modelLease struct {
	token    uint64
	dialled  bool
	legs     int // of the attempt, once it is dialled
	deadline time.Time
}

func (m *model) charged(r modelRecipient) int { return r.attempts - r.uncharged }

// spent tells whether a recipient has no tries left.
func (m *model) spent(r modelRecipient) bool {
	charged, recorded := m.retry.Limits()
	return r.attempts >= recorded || m.charged(r) >= charged
}

func (m *model) states() (s [avanak.States]int) {
	for _, r := range m.recipients {
		s[m.shown(r)]++
	}
	return s
}

// shown is the state that readers see: those still open in a cancelled campaign are cancelled.
func (m *model) shown(r modelRecipient) avanak.State {
	if m.run == avanak.CancelledRun && (r.state == avanak.Pending || r.state == avanak.RetryWait) {
		return avanak.Cancelled
	}
	return r.state
}

// rest ends the campaign when nobody is left to call.
func (m *model) rest() {
	open := slices.ContainsFunc(m.recipients, func(r modelRecipient) bool { return !r.state.Terminal() })
	if !open && (m.run == avanak.Running || m.run == avanak.Paused) {
		m.run = avanak.Done
	}
}

// setRun tells whether the move is legal, and makes it.
func (m *model) setRun(to avanak.Run) bool {
	if m.run == to {
		return true
	}
	legal := false
	switch to {
	case avanak.Running:
		legal = m.run == avanak.Paused || m.run == avanak.Loading && len(m.recipients) > 0 && !m.uploading
	case avanak.Paused:
		legal = m.run == avanak.Running
	case avanak.CancelledRun:
		legal = m.run != avanak.Done
	case avanak.Loading, avanak.Done:
	}
	if legal {
		m.run = to
		m.rest()
	}
	return legal
}

// refusal is why nobody can be claimed or dialled now.
func (m *model) refusal() error {
	switch {
	case m.run == avanak.CancelledRun || m.run == avanak.Done:
		return ErrCancelled
	case m.run != avanak.Running:
		return ErrPaused
	case !m.open:
		return ErrWindowClosed
	}
	return nil
}

// claimable lists who may be leased: those that were touched before must be served before those that were not.
func (m *model) claimable() (touched, untouched []int) {
	for i, r := range m.recipients {
		switch {
		case r.lease.token != 0 || !r.due.IsZero() || r.state != avanak.Pending && r.state != avanak.RetryWait:
		case r.touched:
			touched = append(touched, i)
		default:
			untouched = append(untouched, i)
		}
	}
	return touched, untouched
}

func (m *model) claim(ordinal int, token uint64, ttl time.Duration) {
	r := &m.recipients[ordinal]
	r.touched, r.lease = true, modelLease{token: token, deadline: m.now.Add(ttl)}
	m.tokens = token
}

// dial returns what Dial must answer.
func (m *model) dial(c Claim, ttl time.Duration) (attempt int, uncertain bool, err error) {
	r := &m.recipients[c.Ordinal]
	switch {
	case r.lease.token != c.Token:
		return 0, false, ErrFenced
	case r.lease.dialled:
		return r.attempts, r.uncertain, nil
	case m.refusal() != nil:
		return 0, false, m.refusal()
	case m.spent(*r):
		return 0, false, ErrExhausted
	}
	r.state, r.attempts = avanak.Dialling, r.attempts+1
	r.lease.dialled, r.lease.legs, r.lease.deadline = true, 1, m.now.Add(ttl)
	return r.attempts, r.uncertain, nil
}

// leg returns what Leg must answer.
func (m *model) leg(i Intent, ttl time.Duration) error {
	r := &m.recipients[i.claim.Ordinal]
	switch {
	case i.leg == avanak.MaxLegs:
		return ErrExhausted
	case r.lease.token != i.claim.Token || !r.lease.dialled:
		return ErrFenced
	case r.lease.legs == i.leg+1: // recorded before
		return nil
	case r.lease.legs != i.leg:
		return ErrFenced
	case m.refusal() != nil:
		return m.refusal()
	}
	r.lease.legs, r.lease.deadline = i.leg+1, m.now.Add(ttl)
	return nil
}

// settle returns what Settle must answer. wait is 0 where no retry is asked for.
func (m *model) settle(i Intent, o avanak.Outcome, wait time.Duration) (Settled, error) {
	r := &m.recipients[i.claim.Ordinal]
	late := false
	if r.lease.token != i.claim.Token || !r.lease.dialled {
		switch {
		case r.attempts != i.attempt || r.lease.token != 0 && (r.lease.dialled || !r.uncertain):
			return 0, ErrFenced
		case !r.uncertain || o == avanak.Uncertain:
			return SettledDup, nil
		}
		late = true
	}
	// A redial that is not needed any more stays in its bucket; whoever claims passes it over.
	r.lease, r.uncertain, r.state = modelLease{}, o == avanak.Uncertain, o.State()
	if !o.Charged() {
		r.uncharged++
	}
	if o.Answered() {
		m.answered++
	}
	found := SettledFinal
	switch {
	case late:
		found = SettledLate
	case wait > 0 && m.run != avanak.CancelledRun && !m.spent(*r):
		found, r.state = SettledRetry, avanak.RetryWait
		r.due = m.now.Add(wait).Truncate(time.Second).Add(time.Second)
	}
	m.rest()
	return found, nil
}

// skip tells whether the claim is closed.
func (m *model) skip(c Claim, o avanak.Outcome) bool {
	r := &m.recipients[c.Ordinal]
	if r.lease.token != c.Token || r.lease.dialled {
		return false
	}
	r.state, r.lease, r.uncertain = o.State(), modelLease{}, o == avanak.Uncertain
	m.rest()
	return true
}

func (m *model) release(c Claim) {
	if r := &m.recipients[c.Ordinal]; r.lease.token == c.Token && !r.lease.dialled {
		r.lease = modelLease{}
	}
}

// extend tells whether the lease still stands.
func (m *model) extend(h Held, ttl time.Duration) bool {
	r := &m.recipients[h.Ordinal]
	if r.lease.token != h.Token {
		return false
	}
	r.lease.deadline = m.now.Add(ttl)
	return true
}

func (m *model) reap() (found Reaped) {
	for i := range m.recipients {
		r := &m.recipients[i]
		if r.lease.token == 0 || r.lease.deadline.After(m.now) {
			continue
		}
		if !r.lease.dialled {
			found.Requeued++
		} else {
			found.Uncertain++
			r.uncertain, r.state = true, avanak.IsUncertain
			if m.redial && m.run != avanak.CancelledRun && !m.spent(*r) {
				r.state = avanak.RetryWait
				r.due = m.now.Add(testRing + time.Second - 1).Truncate(time.Second)
			}
		}
		r.lease = modelLease{}
	}
	m.rest()
	return found
}

// promote returns how many retries have fallen due.
func (m *model) promote() (moved int) {
	for i := range m.recipients {
		if r := &m.recipients[i]; !r.due.IsZero() && !r.due.After(m.now) {
			r.due, moved = time.Time{}, moved+1
		}
	}
	return moved
}
