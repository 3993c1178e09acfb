package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Resolver asks DNS. A *net.Resolver is one; it should have PreferGo and StrictErrors set, or a resolver with a search
// list may report "no such name" where the name's own server failed.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

var (
	errNotOffered = errors.New(`service not offered: its SRV target is "."`)
	errNoService  = errors.New("no usable SRV record")
	errNoAddress  = errors.New("no usable address")
)

// query asks what there is to ask about one name, and keeps the parts of the answer: where one part fails, its last good
// value serves. It is used by one goroutine at a time.
type query struct {
	resolver  Resolver
	transport Transport
	ipv6      bool
	name      string
	srv       bool // the name is looked up as a service first

	services part[[]service]
	addrs    map[string]part[[]netip.Addr] // by service.name; only those of the last services
}

// part is the answer to one question, and when to ask it again.
type part[T any] struct {
	value T
	got   time.Time // zero where there is no value
	due   time.Time
	err   error
}

// take notes what asking at start came to.
func (p part[T]) take(value T, err error, start time.Time) part[T] {
	if err == nil {
		return part[T]{value: value, got: start, due: start.Add(lookupTTL)}
	}
	p.err, p.due = err, start.Add(lookupRetry)
	if start.Sub(p.got) > maxStale {
		var none T
		p.value, p.got = none, time.Time{}
	}
	return p
}

// run asks all that is due at start and returns the answer, and when to run again. err tells what failed, also where the
// answer has options all the same.
func (q *query) run(ctx context.Context, start time.Time) (found answer, due time.Time, err error) {
	if !q.srv {
		q.services = q.services.take([]service{{name: q.name}}, nil, start)
	} else if !start.Before(q.services.due) {
		value, err := q.lookupServices(ctx)
		q.services = q.services.take(value, err, start)
	}
	q.addrs = q.lookupAddrs(ctx, start)

	found, due, err = answer{got: q.services.got}, q.services.due, q.services.err
	if err == nil && len(q.services.value) == 0 {
		return found, due, errNotOffered
	}
	for _, s := range q.services.value {
		p := q.addrs[s.name]
		if len(p.value) > 0 {
			found.options = append(found.options, option{service: s, addrs: p.value, got: p.got})
		}
		if p.due.Before(due) {
			due = p.due
		}
		if err == nil {
			err = p.err
		}
	}
	earliest := start.Add(lookupRetry)
	// Services that lead nowhere are asked for again with their addresses: "no SRV record" may have been part of the fault.
	if len(found.options) == 0 && q.services.due.After(earliest) {
		q.services.due = earliest
	}
	// Parts that are due at different times do not make for more than one run in lookupRetry.
	if due.Before(earliest) {
		due = earliest
	}
	return found, due, err
}

// lookupServices asks for the SRV records. No records is an answer: the name itself, at the default port.
func (q *query) lookupServices(ctx context.Context) ([]service, error) {
	kind, proto := q.transport.service()
	_, records, err := q.resolver.LookupSRV(ctx, kind, proto, q.name)
	if missing, ok := errors.AsType[*net.DNSError](err); ok && missing.IsNotFound || err == nil && len(records) == 0 {
		return []service{{name: q.name}}, nil
	}
	// A net.Resolver returns an error beside the good records where it left out malformed ones.
	found, absent := services(records)
	switch {
	case len(found) > 0:
		return found, nil
	case absent:
		return nil, nil
	case err == nil:
		err = fmt.Errorf("lookup _%s._%s.%s: %w", kind, proto, q.name, errNoService)
	}
	return nil, err
}

// lookupAddrs asks for the addresses of all services at once, so that a server which is silent about one does not hide the
// others. They are at most maxServices names.
func (q *query) lookupAddrs(ctx context.Context, start time.Time) map[string]part[[]netip.Addr] {
	var (
		parts = make(map[string]part[[]netip.Addr], len(q.services.value))
		mu    sync.Mutex // guards parts
		wg    sync.WaitGroup
	)
	for _, s := range q.services.value {
		if _, asked := parts[s.name]; !asked {
			parts[s.name] = q.addrs[s.name]
		}
	}
	for _, name := range due(parts, start) {
		wg.Go(func() {
			value, err := q.lookupAddr(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			parts[name] = parts[name].take(value, err, start)
		})
	}
	wg.Wait()
	return parts
}

// due lists the names whose turn it is.
func due(parts map[string]part[[]netip.Addr], start time.Time) []string {
	var names []string
	for name, p := range parts {
		if !start.Before(p.due) {
			names = append(names, name)
		}
	}
	return names
}

func (q *query) lookupAddr(ctx context.Context, name string) ([]netip.Addr, error) {
	network := "ip4"
	if q.ipv6 {
		network = "ip6"
	}
	addrs, err := q.resolver.LookupNetIP(ctx, network, name)
	if err != nil {
		return nil, err
	}
	if addrs = usable(addrs, q.ipv6); len(addrs) == 0 {
		return nil, fmt.Errorf("lookup %s: %w", name, errNoAddress)
	}
	return addrs, nil
}
