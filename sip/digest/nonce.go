package digest

// maxNonces is how many nonces are remembered with their counts: more than the calls that a trunk is asked to set up
// within the life of a nonce that a server hands out twice.
const maxNonces = 1024

// uses counts the requests that carried a nonce.
type uses struct{ n uint32 } // guarded by Answerer.mu

// next is the nonce count for one more request; false where the counts are used up.
func (u *uses) next() (uint32, bool) {
	if u.n == ^uint32(0) {
		return 0, false
	}
	u.n++
	return u.n, true
}

// grant is a challenge that we answer, with the uses of its nonce. A server may hand the same nonce out to many calls, or
// with several algorithms: their grants share the uses.
type grant struct {
	challenge

	uses   *uses
	number uint64 // grants in the order of their challenges
	shared bool   // guarded by Answerer.mu; it was accepted, and offered to others
}

// ledger remembers the uses of the last maxNonces nonces.
type ledger struct {
	uses  map[string]*uses
	order []string // a ring, oldest at next once it is full
	next  int
}

// of finds the uses of a nonce, or begins them.
func (l *ledger) of(nonce string) *uses {
	if u, ok := l.uses[nonce]; ok {
		return u
	}
	if l.uses == nil {
		l.uses = map[string]*uses{}
	}
	u := &uses{}
	l.keep(nonce, u)
	return u
}

// keep lets a nonce take the place of the oldest.
func (l *ledger) keep(nonce string, u *uses) {
	l.uses[nonce] = u
	if len(l.order) < maxNonces {
		l.order = append(l.order, nonce)
		return
	}
	delete(l.uses, l.order[l.next])
	l.order[l.next] = nonce
	l.next = (l.next + 1) % maxNonces
}
