package locate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNowhere means that no target has an address now.
var ErrNowhere = errors.New("no address for a call")

// Config is what to locate. The zero value of an optional field means its default.
type Config struct {
	Targets   []string                     // in order of preference: "ip", "ip:port", "[ip6]:port", "host:port" or "host"
	Transport Transport                    // "" means UDP
	IPv6      bool                         // our socket's family: addresses of the other one are left out
	Resolver  Resolver                     // nil means the system's name servers and /etc/hosts, read by Go's own resolver
	Now       func() time.Time             // nil means time.Now
	Failed    func(host string, err error) // told of each failed look-up, at most one per host and 5 s; must not block; may be nil
}

const maxTargets = 16

// Validate names the first rule that the configuration breaks. It looks nothing up.
func (c Config) Validate() error {
	_, err := c.targets()
	return err
}

// targets reads Targets and checks the rest on the way.
func (c Config) targets() ([]target, error) {
	if c.Transport != "" && !c.Transport.valid() {
		return nil, errors.New("transport must be udp, tcp or tls")
	}
	if len(c.Targets) == 0 || len(c.Targets) > maxTargets {
		return nil, fmt.Errorf("name 1 to %d targets", maxTargets)
	}
	targets := make([]target, 0, len(c.Targets))
	for _, s := range c.Targets {
		t, err := parseTarget(s)
		if err != nil {
			return nil, fmt.Errorf("target %q: %w", s, err)
		}
		if t.addr.IsValid() && t.addr.Is6() != c.IPv6 {
			return nil, fmt.Errorf("target %q: not of our socket's address family", s)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// Locator locates the targets of one trunk. All methods are safe for concurrent use.
type Locator struct {
	targets []located
	sources []*source
	fixed   []Place // all there is where no target is a name
	port    uint16  // the transport's
	now     func() time.Time
	intn    func(n int) int
	turn    atomic.Uint64  // of the addresses of one name
	running sync.WaitGroup // look-ups
}

// located is a target with the source of its addresses.
type located struct {
	target
	source *source // nil for an address
}

// New returns a Locator that has looked nothing up yet. It needs a Close.
func New(cfg Config) (*Locator, error) {
	targets, err := cfg.targets()
	if err != nil {
		return nil, err
	}
	if cfg.Transport == "" {
		cfg.Transport = UDP
	}
	if cfg.Resolver == nil {
		cfg.Resolver = &net.Resolver{PreferGo: true, StrictErrors: true}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	l := &Locator{port: cfg.Transport.port(), now: cfg.Now, intn: rand.IntN}
	for _, t := range targets {
		at := located{target: t}
		if t.name != "" {
			at.source = l.source(t, cfg)
		}
		l.targets = append(l.targets, at)
	}
	if len(l.sources) == 0 {
		l.fixed = slices.Clip(l.assemble(nil))
	}
	return l, nil
}

// source finds or makes the source of a named target.
func (l *Locator) source(t target, cfg Config) *source {
	srv := t.port == 0
	for _, s := range l.sources {
		if s.query.srv == srv && strings.EqualFold(s.query.name, t.name) {
			return s
		}
	}
	s := &source{host: t.host, now: cfg.Now, fail: cfg.Failed,
		query: query{resolver: cfg.Resolver, transport: cfg.Transport, ipv6: cfg.IPv6, name: t.name, srv: srv}}
	l.sources = append(l.sources, s)
	return s
}

// Places lists where one call may go, in the order to try. The caller must not change the list. Targets that have no
// address are left out; where none has, the error wraps ErrNowhere and names them. It waits only where there is no answer,
// until ctx ends and at most 2 s; an error then wraps that of ctx.
func (l *Locator) Places(ctx context.Context) ([]Place, error) {
	if l.fixed != nil {
		return l.fixed, nil
	}
	views := l.views(ctx)
	found := l.assemble(views)
	flights := pending(views, len(found) == 0)
	if len(flights) > 0 {
		if err := wait(ctx, flights); err != nil {
			return nil, fmt.Errorf("locate %s: %w", l, err)
		}
		views = l.views(ctx)
		found = l.assemble(views)
	}
	if len(found) == 0 {
		return nil, l.nowhere(views)
	}
	return found, nil
}

// pending lists the look-ups to wait for: those of which nothing is known yet or, where a call has no place at all, every
// one that runs.
func pending(views []view, all bool) []<-chan struct{} {
	var flights []<-chan struct{}
	for _, v := range views {
		if v.unknown || all && v.flight != nil {
			flights = append(flights, v.flight)
		}
	}
	return flights
}

// wait returns when all flights have ended, or after lookupWait. The error is that of ctx.
func wait(ctx context.Context, flights []<-chan struct{}) error {
	timer := time.NewTimer(lookupWait)
	defer timer.Stop()
	for _, flight := range flights {
		select {
		case <-flight:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *Locator) views(ctx context.Context) []view {
	now := l.now()
	views := make([]view, 0, len(l.sources))
	for _, s := range l.sources {
		views = append(views, s.view(ctx, now, &l.running))
	}
	return views
}

// assemble builds the list of one call. views are those of l.sources.
func (l *Locator) assemble(views []view) []Place {
	var (
		found places
		turn  = l.turn.Add(1) - 1
	)
	for _, t := range l.targets {
		port := t.port
		if port == 0 {
			port = l.port
		}
		if t.source == nil {
			found.add(Place{Addr: netip.AddrPortFrom(t.addr, port), Host: t.host, Port: t.port})
			continue
		}
		options := views[slices.Index(l.sources, t.source)].options
		order(options, l.intn)
		for _, o := range options {
			at := port
			if o.port != 0 {
				at = o.port
			}
			// The start moves on by one for each call, so that the addresses of one name share the calls.
			for i := range o.addrs {
				addr := o.addrs[(turn+uint64(i))%uint64(len(o.addrs))]
				found.add(Place{Addr: netip.AddrPortFrom(addr, at), Host: t.host, Port: t.port, Via: o.via})
			}
		}
	}
	return found
}

// nowhere is the error for no place at all, in one line.
func (l *Locator) nowhere(views []view) error {
	err := fmt.Errorf("locate %s: %w", l, ErrNowhere)
	for i, v := range views {
		if v.err != nil {
			err = fmt.Errorf("%w; %s: %w", err, l.sources[i].host, v.err)
		}
	}
	return err
}

// String lists the configured targets.
func (l *Locator) String() string {
	names := make([]string, len(l.targets))
	for i, t := range l.targets {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}

// Known tells whether a is an address of the targets, or was one within the last hour. It looks nothing up.
func (l *Locator) Known(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(l.targets, func(t located) bool { return t.addr == a && a.IsValid() }) ||
		slices.ContainsFunc(l.sources, func(s *source) bool { return s.holds(a) })
}

// Close ends the running look-ups and returns after the last of them, which may take 2 s. Places still gives what is
// known then, and looks nothing up.
func (l *Locator) Close() {
	for _, s := range l.sources {
		s.close()
	}
	l.running.Wait()
}
