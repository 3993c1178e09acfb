package sip

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/locate"
)

const (
	// missesToDown is how many OPTIONS in a row a target may leave unanswered.
	missesToDown = 2
	// suspicion is how long a target that left an INVITE unanswered comes after the others.
	suspicion = 30 * time.Second
	// refusalsToLast is how many calls in a row a target may refuse for want of room before it comes after the others for
	// as long. One 503 is that call's affair (RFC 3261 section 21.5.4); a target that refuses them all must not be tried
	// first by every call, or the trunk would count as failing while its other targets serve.
	refusalsToLast = 3
	// maxKnown bounds the targets whose state is remembered.
	maxKnown = 64
)

// Errors of the choice of a target.
var (
	errAllDown  = errors.New("no target of the trunk is up")
	errAllTried = errors.New("all targets of the trunk were tried")
)

// targets knows the far ends of a trunk and which of them may be chosen (DESIGN D5): one that leaves OPTIONS unanswered
// is down and gets no call; one that left an INVITE unanswered comes last for a while.
type targets struct {
	find locator
	over Transport

	mu    sync.Mutex
	state map[netip.AddrPort]*target // guarded by mu
}

// target is what is known of one address. All of it is guarded by targets.mu.
type target struct {
	misses  int
	refused int       // calls in a row, for want of room
	full    time.Time // until then it comes last since it refused
	down    bool
	suspect time.Time // until then
	rtt     time.Duration
	why     string
}

func newTargets(find locator, over Transport) *targets {
	return &targets{find: find, over: over, state: make(map[netip.AddrPort]*target)}
}

// choose picks the target of one leg; avoid lists those that earlier legs of the attempt went to.
func (t *targets) choose(ctx context.Context, avoid []string) (locate.Place, error) {
	places, err := t.find.Places(ctx)
	if err != nil {
		return locate.Place{}, err
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	var second *locate.Place
	fault := errAllDown
	for i, p := range places {
		if len(avoid) > 0 && slices.Contains(avoid, p.Addr.String()) {
			fault = errAllTried
			continue
		}
		s := t.state[p.Addr]
		switch {
		case s == nil || (!s.down && !now.Before(s.suspect) && !now.Before(s.full)):
			return p, nil
		case !s.down && second == nil:
			second = &places[i]
		}
	}
	if second != nil {
		return *second, nil
	}
	return locate.Place{}, fault
}

// has tells whether a call may go to addr as things are known now; it waits for no look-up.
func (t *targets) has(addr netip.AddrPort) bool {
	ended, end := context.WithCancel(context.Background())
	end()
	places, _ := t.find.Places(ended) //nolint:errcheck // nowhere: then not there either
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	return slices.ContainsFunc(places, func(p locate.Place) bool { return p.Addr == addr })
}

// of returns the state of an address, and makes it where there is room. The caller holds mu.
func (t *targets) of(addr netip.AddrPort) *target {
	s := t.state[addr]
	if s == nil {
		if len(t.state) >= maxKnown { // addresses that DNS has left behind
			clear(t.state)
		}
		s = new(target)
		t.state[addr] = s
	}
	return s
}

// alive notes that a target spoke; it tells whether that changed whether it may be chosen.
func (t *targets) alive(addr netip.AddrPort, rtt time.Duration) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(addr)
	changed = s.down
	s.misses, s.down, s.suspect, s.why = 0, false, time.Time{}, ""
	if rtt > 0 {
		s.rtt = rtt
	}
	return changed
}

// spoke notes a response to an INVITE: cheap for targets of which nothing bad is known.
func (t *targets) spoke(addr netip.AddrPort) (changed bool) {
	t.mu.Lock()
	s := t.state[addr]
	well := s == nil || (s.misses == 0 && !s.down && s.suspect.IsZero())
	t.mu.Unlock()
	return !well && t.alive(addr, 0)
}

// missed notes an OPTIONS that stayed unanswered; it tells whether the target is down with it.
func (t *targets) missed(addr netip.AddrPort, why string) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(addr)
	s.misses++
	if s.misses < missesToDown || s.down {
		return false
	}
	s.down, s.why = true, why
	return true
}

// doubt notes an INVITE that stayed unanswered.
func (t *targets) doubt(addr netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(addr).suspect = time.Now().Add(suspicion)
}

// ended notes how a call over a target ended: it served, or had no room.
func (t *targets) ended(addr netip.AddrPort, class avanak.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case class == avanak.ClassCongestion:
		s := t.of(addr)
		if s.refused++; s.refused >= refusalsToLast {
			s.full = time.Now().Add(suspicion)
		}
	case class.Callee():
		if s := t.state[addr]; s != nil {
			s.refused, s.full = 0, time.Time{}
		}
	}
}

// list is the state of the targets as they are now; the error is that of the look-up.
func (t *targets) list(ctx context.Context) ([]avanak.TargetHealth, error) {
	places, err := t.find.Places(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]avanak.TargetHealth, 0, len(places))
	for _, p := range places {
		h := avanak.TargetHealth{Addr: p.Addr, Up: true}
		if s := t.state[p.Addr]; s != nil {
			h.Up, h.RTT, h.Why = !s.down, s.rtt, s.why
		}
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b avanak.TargetHealth) int { return a.Addr.Compare(b.Addr) })
	return all, nil
}
