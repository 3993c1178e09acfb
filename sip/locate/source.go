package locate

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	lookupTTL   = 30 * time.Second // an answer holds so long; net.Resolver does not tell the records' own TTL
	lookupRetry = 5 * time.Second  // after one that failed
	maxStale    = time.Hour        // an answer serves at most so long after it was got
	maxMemory   = time.Hour        // an address is known so long after it was last a target's

	lookupWait = 2 * time.Second // how long a call waits
	// lookupTimeout is a little shorter, so that who waits sees what the look-up came to.
	lookupTimeout = lookupWait - 100*time.Millisecond

	maxKnown = 4096 // addresses of one source; far more than an hour of an honest carrier
)

// source is one name and what DNS said of it. Targets that differ only in their port share one.
type source struct {
	host  string
	query query
	now   func() time.Time
	fail  func(host string, err error) // may be nil

	mu     sync.Mutex
	answer answer                   // guarded by mu; the last good one
	err    error                    // guarded by mu; why the last look-up gave less than wanted
	failed bool                     // guarded by mu; the last look-up gave nothing
	due    time.Time                // guarded by mu; when to look up again
	flight chan struct{}            // guarded by mu; closed by the running look-up when it ends, nil where none runs
	cancel context.CancelFunc       // guarded by mu; of the running look-up
	closed bool                     // guarded by mu
	known  map[netip.Addr]time.Time // guarded by mu; until when
}

// answer is what a look-up came to. It is never changed.
type answer struct {
	options []option  // sorted by priority
	got     time.Time // when DNS named the services
}

// at gives the options that may still serve. The slice is the caller's own.
func (a answer) at(now time.Time) []option {
	if now.Sub(a.got) > maxStale {
		return nil
	}
	var options []option
	for _, o := range a.options {
		if now.Sub(o.got) <= maxStale {
			options = append(options, o)
		}
	}
	return options
}

// view is what a source can say now.
type view struct {
	options []option
	unknown bool            // there is nothing yet, and no look-up has failed: waiting is worth it
	flight  <-chan struct{} // closed when the running look-up ends; nil where none runs
	err     error
}

// view starts a look-up in running where one is due. It never waits.
func (s *source) view(ctx context.Context, now time.Time, running *sync.WaitGroup) view {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil && !s.closed && !now.Before(s.due) {
		// The look-up serves all calls, and must not end with this one.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		s.flight, s.cancel = make(chan struct{}), cancel
		running.Go(func() {
			defer cancel()
			s.refresh(ctx, now)
		})
	}
	v := view{options: s.answer.at(now), flight: s.flight, err: s.err}
	v.unknown = len(v.options) == 0 && !s.failed && s.flight != nil
	return v
}

// refresh runs one look-up and publishes what it came to. Only one runs at a time.
func (s *source) refresh(ctx context.Context, start time.Time) {
	found, due, err := s.query.run(ctx, start)
	now := s.now()
	s.mu.Lock()
	s.err, s.due = err, due
	// An answer without an address replaces nothing, unless it is the carrier's word.
	s.failed = len(found.options) == 0
	if !s.failed || errors.Is(err, errNotOffered) {
		s.learn(found, now)
		s.answer = found
	}
	told := err != nil && !s.closed && s.fail != nil
	close(s.flight)
	s.flight, s.cancel = nil, nil
	s.mu.Unlock()
	if told {
		s.fail(s.host, err)
	}
}

// learn notes which addresses are the source's once found replaces its answer. The caller holds mu.
func (s *source) learn(found answer, now time.Time) {
	if s.known == nil {
		s.known = make(map[netip.Addr]time.Time)
	}
	for addr, until := range s.known {
		// Those that stay get their time below.
		if last := now.Add(maxMemory); until.After(last) {
			s.known[addr] = last
		}
		if until.Before(now) || len(s.known) > maxKnown {
			delete(s.known, addr)
		}
	}
	for _, o := range found.options {
		for _, addr := range o.addrs {
			s.known[addr] = o.got.Add(maxStale + maxMemory)
		}
	}
}

// holds tells whether addr is, or was within maxMemory, an address of the source.
func (s *source) holds(addr netip.Addr) bool {
	s.mu.Lock()
	until, ok := s.known[addr]
	s.mu.Unlock()
	return ok && !s.now().After(until)
}

// close lets no look-up start and ends the running one.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.cancel != nil {
		s.cancel()
	}
}

// usable keeps the addresses of one family that a call can go to, each once and at most maxPlaces.
func usable(addrs []netip.Addr, ipv6 bool) []netip.Addr {
	var kept []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); len(kept) < maxPlaces && callable(a) && a.Is6() == ipv6 && !slices.Contains(kept, a) {
			kept = append(kept, a)
		}
	}
	return kept
}
