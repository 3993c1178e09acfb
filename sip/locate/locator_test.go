package locate

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func TestTargetsAreGivenInTheirOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{"b.example.test:5070", "192.0.2.9", name, "192.0.2.9:5060", "B.example.test:5080"}})
	r.dns.a("b.example.test.", "192.0.2.2")
	r.dns.a("sip.example.test.", "192.0.2.1")
	found, err := r.Places(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Place{
		{Addr: netip.MustParseAddrPort("192.0.2.2:5070"), Host: "b.example.test", Port: 5070},
		{Addr: netip.MustParseAddrPort("192.0.2.9:5060"), Host: "192.0.2.9"},
		{Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Host: name},
		{Addr: netip.MustParseAddrPort("192.0.2.2:5080"), Host: "B.example.test", Port: 5080},
	}, found, "each address once")
	require.Zero(t, r.dns.count("SRV _sip._udp.b.example.test."), "a port rules SRV out")
	require.EqualValues(t, 2, r.ask.ip.Load(), "a name with two ports is one look-up")
}

func TestServiceRecordsAndPortFollowTheTransport(t *testing.T) {
	t.Parallel()
	for transport, tt := range map[Transport]struct{ question, port string }{
		"":  {srvOfUDP, ":5060"},
		UDP: {srvOfUDP, ":5060"},
		TCP: {"SRV _sip._tcp.sip.example.test.", ":5060"},
		TLS: {"SRV _sips._tcp.sip.example.test.", ":5061"},
	} {
		t.Run(string(transport), func(t *testing.T) {
			r := newRig(t, Config{Targets: []string{name, "192.0.2.9"}, Transport: transport})
			r.dns.a(name+".", "192.0.2.1")
			require.Equal(t, []string{"192.0.2.1" + tt.port, "192.0.2.9" + tt.port}, r.addrs(), "no SRV record: the name's own address")
			require.Positive(t, r.dns.count(tt.question))

			r.dns.set(tt.question, reply{records: []dnsmessage.ResourceBody{srv(1, 1, 5099, "sbc.example.test.")}})
			r.dns.a("sbc.example.test.", "192.0.2.3")
			r.pass(lookupTTL)
			r.addrs()
			r.settle()
			found, err := r.Places(t.Context())
			require.NoError(t, err)
			require.Equal(t, Place{Addr: netip.MustParseAddrPort("192.0.2.3:5099"), Host: name, Via: "sbc.example.test"}, found[0])
			require.Len(t, found, 2)
		})
	}
}

func TestDeadFirstServiceLeavesTheSecond(t *testing.T) {
	t.Parallel()
	for what, dead := range map[string]reply{
		"nxdomain": {code: dnsmessage.RCodeNameError},
		"servfail": {code: dnsmessage.RCodeServerFailure},
		"silent":   {silent: true},
		"empty":    {},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{Targets: []string{name}})
			r.dns.set(srvOfUDP, reply{records: []dnsmessage.ResourceBody{
				srv(1, 1, 5060, "dead.example.test."), srv(2, 1, 5061, "live.example.test.")}})
			r.dns.set("A dead.example.test.", dead)
			r.dns.a("live.example.test.", "192.0.2.2")
			require.Equal(t, []string{"192.0.2.2:5061"}, r.addrs())

			r.dns.a("dead.example.test.", "192.0.2.1")
			r.pass(lookupRetry)
			r.addrs()
			r.settle()
			require.Equal(t, []string{"192.0.2.1:5060", "192.0.2.2:5061"}, r.addrs(), "it is asked for again before the rest is due")
			require.EqualValues(t, 1, r.ask.srv.Load())
			require.EqualValues(t, 3, r.ask.ip.Load())
		})
	}
}

func TestAddressesOfOneNameShareTheCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{"sip.example.test:5060"}})
	r.dns.a(name+".", "192.0.2.1", "192.0.2.2", "192.0.2.3")
	first := map[string]int{}
	for range 30 {
		found := r.addrs()
		require.Len(t, found, 3)
		first[found[0]]++
	}
	for addr, calls := range first {
		require.InDelta(t, 10, calls, 1, addr)
	}
	require.Len(t, first, 3)
}

func TestUnfitAddressesAreLeftOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{"sip.example.test:5060"}})
	r.dns.a(name+".", "0.0.0.0", "239.1.1.1", "192.0.2.1", "192.0.2.1")
	require.Equal(t, []string{"192.0.2.1:5060"}, r.addrs())
	require.False(t, r.Known(netip.MustParseAddr("239.1.1.1")))
	require.False(t, r.Known(netip.Addr{}))

	mixed := []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1"),
		netip.MustParseAddr("ff02::1"), {}}
	require.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.1")}, usable(mixed, false))
	require.Equal(t, []netip.Addr{netip.MustParseAddr("2001:db8::1")}, usable(mixed, true))
}

func TestIPv6SocketAsksForIPv6(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{"sip.example.test:5060"}, IPv6: true})
	r.dns.a(name+".", "192.0.2.1")
	r.dns.set("AAAA sip.example.test.", reply{records: []dnsmessage.ResourceBody{
		&dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::1").As16()}}})
	require.Equal(t, []string{"[2001:db8::1]:5060"}, r.addrs())
	require.Zero(t, r.dns.count(aOfName))
}

func TestHundredCallersAreOneQuery(t *testing.T) {
	t.Parallel()
	const callers = 100
	r := newRig(t, Config{Targets: []string{name}})
	gate := make(chan struct{})
	r.dns.set(srvOfUDP, reply{gate: gate, records: []dnsmessage.ResourceBody{srv(1, 1, 5060, "sbc.example.test.")}})
	r.dns.a("sbc.example.test.", "192.0.2.1")
	var here, done sync.WaitGroup
	here.Add(callers)
	results := make([][]Place, callers)
	for i := range callers {
		done.Go(func() {
			here.Done()
			results[i], _ = r.Places(t.Context()) // judged below
		})
	}
	here.Wait()
	close(gate)
	done.Wait()
	for _, found := range results {
		require.Equal(t, []string{"192.0.2.1:5060"}, addrs(found))
	}
	require.Equal(t, 1, r.dns.count(srvOfUDP))
	require.Equal(t, 1, r.dns.count("A sbc.example.test."))
}

func TestEndedCallDoesNotWaitAndItsLookUpServesTheNext(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{"sip.example.test:5060"}})
	gate := make(chan struct{})
	r.dns.a(name+".", "192.0.2.1")
	r.dns.mu.Lock()
	held := r.dns.replies[aOfName]
	r.dns.mu.Unlock()
	held.gate = gate
	r.dns.set(aOfName, held)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Places(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "sip.example.test:5060")
	close(gate)
	require.Equal(t, []string{"192.0.2.1:5060"}, r.addrs())
	require.EqualValues(t, 1, r.ask.ip.Load())
}

func TestCloseEndsWhatRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{name}})
	r.dns.set(srvOfUDP, reply{silent: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Places(ctx)
	require.ErrorIs(t, err, context.Canceled)
	r.Close()
	for _, s := range r.sources {
		require.Nil(t, s.flight)
	}
	_, err = r.Places(t.Context())
	require.ErrorIs(t, err, ErrNowhere, "nothing starts after Close")
	require.EqualValues(t, 1, r.ask.srv.Load())
	require.Zero(t, r.failures(), "our own end is no failure of DNS")
}

func TestAddressesOfTheTargetsAreKnown(t *testing.T) {
	t.Parallel()
	known := func(r *rig, addr string) bool { return r.Known(netip.MustParseAddr(addr)) }
	r := newRig(t, Config{Targets: []string{name, "192.0.2.9"}})
	r.dns.a(name+".", "192.0.2.1", "192.0.2.2")
	require.False(t, known(r, "192.0.2.1"), "nothing was looked up")
	require.True(t, known(r, "192.0.2.9"))
	require.True(t, known(r, "::ffff:192.0.2.9"))
	r.addrs()
	require.True(t, known(r, "192.0.2.1"))
	require.True(t, known(r, "::ffff:192.0.2.2"))
	require.False(t, known(r, "192.0.2.3"))

	r.dns.a(name+".", "192.0.2.2")
	for range 3 { // the address that stays is learned again each time
		r.pass(lookupTTL)
		r.addrs()
		r.settle()
	}
	require.False(t, slices.Contains(r.addrs(), "192.0.2.1:5060"))
	r.pass(maxMemory - 2*lookupTTL)
	require.True(t, known(r, "192.0.2.1"), "an hour after it was replaced")
	r.pass(time.Nanosecond)
	require.False(t, known(r, "192.0.2.1"))
	r.pass(lookupTTL * 2)
	require.True(t, known(r, "192.0.2.2"), "it may still be called, and was within the hour")
	r.pass(2 * time.Hour)
	require.False(t, known(r, "192.0.2.2"))
	require.True(t, known(r, "192.0.2.9"), "an address needs no look-up")
}

func TestAddressesAloneCostNothing(t *testing.T) {
	l, err := New(Config{Targets: []string{"192.0.2.1", "192.0.2.2:5070", "192.0.2.1:5060", "192.0.2.3"}})
	require.NoError(t, err)
	defer l.Close()
	ctx := t.Context()
	found, err := l.Places(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"192.0.2.1:5060", "192.0.2.2:5070", "192.0.2.3:5060"}, addrs(found))
	require.Equal(t, len(found), cap(found), "an append must not reach the next call's list")
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = l.Places(ctx) }))
}
