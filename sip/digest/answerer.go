package digest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// Answerer answers the challenges of one trunk. It is safe for concurrent use: all calls of the trunk share it.
type Answerer struct {
	credentials *Credentials  // behind a pointer: fmt prints unexported fields as they are
	cnonce      func() string // a new one each time

	mu     sync.Mutex
	realm  string                 // guarded by mu; "" until it is bound
	cached [kinds][classes]*grant // guarded by mu; accepted once, for requests that were not challenged yet
	ledger ledger                 // guarded by mu
	grants uint64                 // guarded by mu; how many there were
}

// New makes an Answerer of credentials that have passed Validate. Without a Username it never answers.
func New(c Credentials) *Answerer {
	return &Answerer{credentials: &c, cnonce: newCnonce, realm: c.Realm}
}

// Exchange begins a request: an INVITE, a BYE, a REGISTER, each with its own.
func (a *Answerer) Exchange() *Exchange { return &Exchange{answerer: a} }

// String names user and realm as they were configured.
func (a *Answerer) String() string { return a.credentials.String() }

// Format writes String for every verb, as Credentials do.
func (a *Answerer) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, a.String()) // a fmt.State keeps its own error
}

// kind tells who challenges: the far end by 401, or a proxy by 407. Their nonces are unrelated.
type kind int

const (
	server kind = iota
	proxy
	kinds
)

func (k kind) header() string {
	if k == proxy {
		return "Proxy-Authorization"
	}
	return "Authorization"
}

// kindOf is false for a status that is no challenge.
func kindOf(status int) (kind, bool) {
	switch status {
	case 401:
		return server, true
	case 407:
		return proxy, true
	}
	return 0, false
}

// class keeps the nonces of registrations apart. One carrier often asks by 401 for a REGISTER and by 407 for a call: an
// INVITE with both answers may outgrow its datagram, and only one of them is looked at.
type class int

const (
	call class = iota // and all else that is no registration
	registration
	classes
)

func classOf(method string) class {
	if method == "REGISTER" {
		return registration
	}
	return call
}

// admit chooses among the challenges of a response: our realm, permitted, the strongest, the first of equals. The first
// realm that we can answer is bound where none is yet.
func (a *Answerer) admit(offers []challenge) (*grant, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var (
		realm = a.realm
		best  *challenge
		ours  bool // somebody of our realm asked
	)
	for i, c := range offers {
		if realm != "" && c.realm != realm { // realms are compared with their case (RFC 3261 section 22.1)
			continue
		}
		ours = true
		if !c.usable(*a.credentials) {
			continue
		}
		realm = c.realm
		if best == nil || c.rank() > best.rank() {
			best = &offers[i]
		}
	}
	switch {
	case !ours:
		return nil, ErrRealm
	case best == nil:
		return nil, ErrAlgorithm
	}
	a.realm = realm
	a.grants++
	return &grant{challenge: *best, uses: a.usesOf(best.nonce), number: a.grants}, nil
}

// usesOf finds the uses of a nonce. Those that are cached may be older than the ledger's memory. Hold mu.
func (a *Answerer) usesOf(nonce string) *uses {
	for _, cached := range a.cached {
		for _, g := range cached {
			if g != nil && g.nonce == nonce {
				return g.uses
			}
		}
	}
	return a.ledger.of(nonce)
}

// take counts one more use of own, or of the cached grant where own is nil; no grant where there is neither.
func (a *Answerer) take(own *grant, k kind, c class) (*grant, uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := own
	if g == nil {
		g = a.cached[k][c]
	}
	if g == nil {
		return nil, 0
	}
	nc, ok := g.uses.next()
	if !ok {
		return nil, 0
	}
	return g, nc
}

// share lets a grant that was accepted serve others, unless a newer one does. It does so once: what was forgotten since
// stays so.
func (a *Answerer) share(g *grant, k kind, c class) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cached := &a.cached[k][c]; !g.shared && (*cached == nil || (*cached).number < g.number) {
		*cached = g
	}
	g.shared = true
}

// forget takes a nonce that was refused out of the cache, where nobody has put a newer one.
func (a *Answerer) forget(refused *grant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k := range a.cached {
		for c := range a.cached[k] {
			if cached := a.cached[k][c]; cached != nil && cached.uses == refused.uses {
				a.cached[k][c] = nil
			}
		}
	}
}

const cnonceBytes = 8

func newCnonce() string {
	var b [cnonceBytes]byte
	_, _ = rand.Read(b[:]) // never fails, it would end the process
	return hex.EncodeToString(b[:])
}
