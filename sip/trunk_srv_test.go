package sip

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/locate"
)

// zone is what DNS says. What it was not told of does not exist.
type zone struct {
	mu    sync.Mutex
	srv   map[string][]*net.SRV   // guarded by mu; by "_sip._udp.name"
	addrs map[string][]netip.Addr // guarded by mu; by name
	ahead time.Duration           // guarded by mu; of the real clock
}

func (z *zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	full := "_" + service + "._" + proto + "." + name
	if records := z.srv[full]; len(records) > 0 {
		return full, records, nil
	}
	return "", nil, &net.DNSError{Err: "no such host", Name: full, IsNotFound: true}
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if addrs := z.addrs[strings.TrimSuffix(host, ".")]; len(addrs) > 0 {
		return addrs, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (z *zone) now() time.Time {
	z.mu.Lock()
	defer z.mu.Unlock()
	return time.Now().Add(z.ahead)
}

// say has the service of carrier.test lead to callees, in this order.
func (z *zone) say(callees ...*callee) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.srv = map[string][]*net.SRV{}
	z.addrs = map[string][]netip.Addr{"carrier.test": {netip.MustParseAddr("127.0.0.99")}} // its web site
	for n, u := range callees {
		at := mustHop(u.t, u.addr()).addr
		name := "sbc" + string(rune('a'+n)) + ".carrier.test"
		z.srv["_sip._udp.carrier.test"] = append(z.srv["_sip._udp.carrier.test"],
			&net.SRV{Target: name + ".", Port: at.Port(), Priority: uint16(10 * (n + 1))})
		z.addrs[name] = []netip.Addr{at.Addr()}
	}
}

func (z *zone) pass(d time.Duration) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.ahead += d
}

func newZoneRig(t *testing.T, z *zone, change ...func(*Config)) *rig {
	t.Helper()
	return newRigWith(t, locate.Config{Resolver: z, Now: z.now},
		append([]func(*Config){func(c *Config) { c.Targets = []string{"carrier.test"} }}, change...)...)
}

func TestServiceRecordsLeadToTheTargets(t *testing.T) {
	first, second, third := newPinged(t, 0), newPinged(t, 200), newCallee(t)
	z := new(zone)
	z.say(first.callee, second.callee)
	r := newZoneRig(t, z, func(c *Config) { c.Options = often })
	r.callee = first.callee
	inv := r.refuse("first")
	require.Equal(t, "INVITE sip:+989120000001@carrier.test SIP/2.0", inv.start, "RFC 3263 section 4: the name, and no port")
	require.Equal(t, "<sip:+989120000001@carrier.test>", inv.get("To"))
	r.callee = second.callee
	r.refuse("avoids", first.addr())
	require.Eventually(t, func() bool { h := r.agent.Health(); return len(h.Targets) == 2 && h.Targets[0].Up != h.Targets[1].Up },
		patience, time.Millisecond)
	r.refuse("first-is-dead")

	// The records change: the next look-up finds the new target, in the background.
	z.say(third)
	z.pass(time.Minute)
	require.Eventually(t, func() bool {
		places, err := r.agent.find.Places(t.Context())
		return err == nil && len(places) == 1
	}, patience, time.Millisecond)
	r.callee = third
	r.refuse("moved")
	require.True(t, r.agent.door.knows(netip.MustParseAddr("127.0.0.1")))
}

func TestNameThatDoesNotExistAtTheStart(t *testing.T) {
	u := newCallee(t)
	z := new(zone)
	r := newZoneRig(t, z)
	res := r.result(r.invite(t.Context(), Invite{CallID: "too-early"}))
	require.Equal(t, NotSent, res.End)
	require.Equal(t, avanak.ClassCongestion, res.Class)
	require.True(t, res.Dead)
	require.ErrorIs(t, res.Err, locate.ErrNowhere)
	require.ErrorContains(t, res.Err, "carrier.test")
	z.say(u)
	z.pass(time.Minute)
	r.callee = u
	r.refuse("then")
}

func TestCallerWhoseTimeEndsInTheLookUpBlamesNoTrunk(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	r := newRigWith(t, locate.Config{Resolver: silentZone{gate}}, func(c *Config) { c.Targets = []string{"carrier.test"} })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	res := r.result(r.invite(ctx, Invite{}))
	require.Equal(t, NotSent, res.End)
	require.Equal(t, avanak.ClassUs, res.Class)
	require.False(t, res.Dead)
}

// silentZone answers when its gate opens, or its caller gives up.
type silentZone struct{ gate chan struct{} }

func (z silentZone) wait(ctx context.Context) error {
	select {
	case <-z.gate:
	case <-ctx.Done():
	}
	return &net.DNSError{Err: "timeout", IsTimeout: true}
}

func (z silentZone) LookupSRV(ctx context.Context, _, _, _ string) (string, []*net.SRV, error) {
	return "", nil, z.wait(ctx)
}

func (z silentZone) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	return nil, z.wait(ctx)
}

func TestRequestURINamesTheTargetAsItWasConfigured(t *testing.T) {
	u := newCallee(t)
	at := mustHop(t, u.addr()).addr
	z := new(zone)
	z.addrs = map[string][]netip.Addr{"sbc.carrier.test": {at.Addr()}}
	host := netip.AddrPortFrom(at.Addr(), at.Port()).String()
	_, port, err := net.SplitHostPort(host)
	require.NoError(t, err)
	for target, want := range map[string]string{"sbc.carrier.test:" + port: "sbc.carrier.test:" + port, host: host} {
		t.Run(target, func(t *testing.T) {
			r := newZoneRig(t, z, func(c *Config) { c.Targets = []string{target} })
			r.callee = u
			require.Equal(t, "INVITE sip:+989120000001@"+want+" SIP/2.0", r.refuse("call").start)
		})
	}
	a, err := New(Config{Name: "x", Targets: []string{"127.0.0.1"}, Callers: []string{"0219100"}}, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	defer a.find.Close()
	place, err := a.targets.choose(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, locate.Place{Addr: netip.MustParseAddrPort("127.0.0.1:5060"), Host: "127.0.0.1"}, place)
}
