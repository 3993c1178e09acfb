package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// How long a look-up holds, and how long one may take.
const (
	lookupTTL  = 30 * time.Second
	lookupWait = 2 * time.Second
)

var errNoAddress = errors.New("no address")

// lookupFunc resolves a host name, as net.Resolver.LookupNetIP does for network "ip".
type lookupFunc func(ctx context.Context, host string) ([]netip.Addr, error)

func systemLookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// target is where a trunk's INVITEs go. A host name is resolved by us, never inside the send: sipgo gets an IP address.
// The last good addresses serve while a look-up fails.
type target struct {
	host   string
	port   uint16
	ipv6   bool // our socket's family
	lookup lookupFunc
	now    func() time.Time

	mu    sync.Mutex
	addrs []netip.Addr // guarded by mu; the first is used
	until time.Time    // guarded by mu; when addrs are to be refreshed
}

func newTarget(host string, port uint16, ipv6 bool, lookup lookupFunc) *target {
	t := &target{host: host, port: port, ipv6: ipv6, lookup: lookup, now: time.Now}
	if addr, err := netip.ParseAddr(host); err == nil {
		t.addrs = []netip.Addr{addr.Unmap()}
	}
	return t
}

// literal tells whether the target was configured as an IP address, which needs no look-up.
func (t *target) literal() bool {
	_, err := netip.ParseAddr(t.host)
	return err == nil
}

// next is the address for the next INVITE. It waits at most lookupWait.
func (t *target) next(ctx context.Context) (netip.AddrPort, error) {
	t.mu.Lock()
	addrs, fresh := t.addrs, t.literal() || t.now().Before(t.until)
	t.mu.Unlock()
	if fresh {
		return netip.AddrPortFrom(addrs[0], t.port), nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	found, err := t.lookup(ctx, t.host)
	found = t.usable(found)
	if len(found) == 0 && len(addrs) == 0 {
		return netip.AddrPort{}, fmt.Errorf("resolve %s: %w", t.host, errors.Join(err, errNoAddress))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(found) > 0 {
		t.addrs = found
	}
	// A failed look-up is not repeated for each call either.
	t.until = t.now().Add(lookupTTL)
	return netip.AddrPortFrom(t.addrs[0], t.port), nil
}

// usable keeps the addresses of our socket's family.
func (t *target) usable(addrs []netip.Addr) []netip.Addr {
	var kept []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is6() == t.ipv6 {
			kept = append(kept, a)
		}
	}
	return kept
}

// holds tells whether a is one of the target's known addresses.
func (t *target) holds(a netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, known := range t.addrs {
		if known == a.Unmap() {
			return true
		}
	}
	return false
}
