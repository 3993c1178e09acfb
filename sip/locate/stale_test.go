package locate

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func TestChangedAddressIsTakenOneCallAfterItsTTL(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{"sip.example.test:5060"}})
	r.dns.a(name+".", "192.0.2.1")
	require.Equal(t, []string{"192.0.2.1:5060"}, r.addrs())
	r.dns.a(name+".", "192.0.2.2")
	r.pass(lookupTTL - 1)
	require.Equal(t, []string{"192.0.2.1:5060"}, r.addrs())
	require.EqualValues(t, 1, r.ask.ip.Load())
	r.pass(1)
	require.Equal(t, []string{"192.0.2.1:5060"}, r.addrs(), "the old answer serves at once")
	r.settle()
	require.Equal(t, []string{"192.0.2.2:5060"}, r.addrs())
	require.EqualValues(t, 2, r.ask.ip.Load())
}

// A silent name server must not hold a call up that has an answer: the gate stays shut while the call goes on.
func TestOldAnswerServesAtOnceWhileTheLookUpRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{"sip.example.test:5060"}})
	r.dns.a(name+".", "192.0.2.1")
	r.addrs()
	gate := make(chan struct{})
	r.dns.set(aOfName, reply{silent: true, gate: gate})
	r.pass(lookupTTL)
	for range 100 {
		require.Equal(t, []string{"192.0.2.1:5060"}, r.addrs())
	}
	require.Eventually(t, func() bool { return r.dns.count(aOfName) >= 2 }, 30*time.Second, time.Millisecond)
	require.EqualValues(t, 2, r.ask.ip.Load())
	close(gate)
}

func TestLastGoodAnswerServesForAnHour(t *testing.T) {
	t.Parallel()
	faults := map[string]reply{
		"nxdomain": {code: dnsmessage.RCodeNameError},
		"servfail": {code: dnsmessage.RCodeServerFailure},
		"refused":  {code: dnsmessage.RCodeRefused},
		"silent":   {silent: true},
	}
	for what, fault := range faults {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{Targets: []string{name}})
			r.dns.set(srvOfUDP, reply{records: []dnsmessage.ResourceBody{srv(1, 1, 5070, "sbc.example.test.")}})
			r.dns.a("sbc.example.test.", "192.0.2.1")
			require.Equal(t, []string{"192.0.2.1:5070"}, r.addrs())

			r.dns.set(srvOfUDP, fault)
			r.dns.set("A sbc.example.test.", fault)
			r.dns.set(aOfName, fault)
			r.pass(lookupTTL)
			require.Equal(t, []string{"192.0.2.1:5070"}, r.addrs())
			r.settle()
			asked := r.ask.srv.Load() + r.ask.ip.Load()
			r.pass(lookupRetry - 1)
			r.addrs()
			r.settle()
			require.Equal(t, asked, r.ask.srv.Load()+r.ask.ip.Load(), "a failed look-up waits for its turn")
			r.pass(maxStale - lookupTTL - lookupRetry + 1)
			require.Equal(t, []string{"192.0.2.1:5070"}, r.addrs(), "an hour to the tick")
			r.settle()
			require.Greater(t, r.ask.srv.Load()+r.ask.ip.Load(), asked)
			r.pass(1)
			_, err := r.Places(t.Context())
			require.ErrorIs(t, err, ErrNowhere)
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), "\n", "one line for people")
			require.Equal(t, 2, r.failures())

			r.dns.set(srvOfUDP, reply{records: []dnsmessage.ResourceBody{srv(1, 1, 5071, "sbc.example.test.")}})
			r.dns.a("sbc.example.test.", "192.0.2.1")
			r.pass(lookupRetry)
			require.Equal(t, []string{"192.0.2.1:5071"}, r.addrs(), "with nothing to give, a call waits again")
		})
	}
}

func TestFirstLookUpThatFailsIsAnErrorThatNamesTheHosts(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		fault reply
		says  string
	}{
		"nxdomain": {reply{code: dnsmessage.RCodeNameError}, "no such host"},
		"servfail": {reply{code: dnsmessage.RCodeServerFailure}, "server misbehaving"},
		"silent":   {reply{silent: true}, "timeout"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{Targets: []string{name, "b.example.test:5070"}})
			r.dns.set(srvOfUDP, tt.fault)
			r.dns.set(aOfName, tt.fault)
			r.dns.set("A b.example.test.", tt.fault)
			_, err := r.Places(t.Context())
			require.ErrorIs(t, err, ErrNowhere)
			var fault *net.DNSError
			require.ErrorAs(t, err, &fault)
			require.ErrorContains(t, err, name+", b.example.test:5070: ")
			require.Equal(t, 2, strings.Count(err.Error(), tt.says), err)
			asked := r.ask.srv.Load() + r.ask.ip.Load()
			for range 100 {
				_, err = r.Places(t.Context())
				require.ErrorIs(t, err, ErrNowhere)
			}
			require.Equal(t, asked, r.ask.srv.Load()+r.ask.ip.Load())
			r.pass(lookupRetry)
			r.dns.a("b.example.test.", "192.0.2.2")
			require.Equal(t, []string{"192.0.2.2:5070"}, r.addrs(), "the target that resolves is enough")
		})
	}
}

// What a failing SRV look-up leaves out may be everything: the name's own address is not asked instead.
func TestFailedServiceLookUpIsNoMissingService(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{name}})
	r.dns.set(srvOfUDP, reply{code: dnsmessage.RCodeServerFailure})
	r.dns.a(name+".", "192.0.2.80")
	_, err := r.Places(t.Context())
	require.ErrorIs(t, err, ErrNowhere)
	require.Zero(t, r.ask.ip.Load())
}

func TestServicesStayWhileTheirAddressesMove(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{name}})
	r.dns.set(srvOfUDP, reply{records: []dnsmessage.ResourceBody{srv(1, 1, 5070, "sbc.example.test.")}})
	r.dns.a("sbc.example.test.", "192.0.2.1")
	r.addrs()
	r.dns.set(srvOfUDP, reply{code: dnsmessage.RCodeServerFailure})
	r.dns.a("sbc.example.test.", "192.0.2.2")
	r.pass(lookupTTL)
	r.addrs()
	r.settle()
	require.Equal(t, []string{"192.0.2.2:5070"}, r.addrs(), "the old SRV record with its new address")
}

func TestEachPartOfAnAnswerEndsAnHourAfterItWasGot(t *testing.T) {
	t.Parallel()
	both := reply{records: []dnsmessage.ResourceBody{srv(1, 1, 5070, "a.example.test."), srv(2, 1, 5070, "b.example.test.")}}
	start := func(t *testing.T) *rig {
		t.Helper()
		r := newRig(t, Config{Targets: []string{name}})
		r.dns.set(srvOfUDP, both)
		r.dns.a("a.example.test.", "192.0.2.1")
		r.dns.a("b.example.test.", "192.0.2.2")
		require.Equal(t, []string{"192.0.2.1:5070", "192.0.2.2:5070"}, r.addrs())
		return r
	}
	t.Run("services, though their addresses are fresh", func(t *testing.T) {
		t.Parallel()
		r := start(t)
		r.dns.set(srvOfUDP, reply{code: dnsmessage.RCodeServerFailure})
		for range maxStale / lookupTTL {
			r.pass(lookupTTL)
			require.Len(t, r.addrs(), 2)
			r.settle()
		}
		r.pass(1)
		_, err := r.Places(t.Context())
		require.ErrorIs(t, err, ErrNowhere)
	})
	t.Run("one address, though the rest is fresh", func(t *testing.T) {
		t.Parallel()
		r := start(t)
		r.dns.set("A a.example.test.", reply{code: dnsmessage.RCodeServerFailure})
		r.pass(maxStale / 2)
		r.addrs()
		r.settle()
		r.pass(maxStale / 2)
		require.Len(t, r.addrs(), 2)
		r.settle()
		r.pass(1)
		require.Equal(t, []string{"192.0.2.2:5070"}, r.addrs())
	})
}

func TestPartsThatAreDueApartMakeOneLookUpInFiveSeconds(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{name}})
	r.dns.set(srvOfUDP, reply{records: []dnsmessage.ResourceBody{srv(1, 1, 5070, "a.example.test."), srv(2, 1, 5070, "b.example.test.")}})
	r.dns.a("b.example.test.", "192.0.2.2")
	require.Len(t, r.addrs(), 1)
	r.dns.a("a.example.test.", "192.0.2.1")
	r.pass(lookupTTL - 1)
	r.addrs()
	r.settle()
	require.Len(t, r.addrs(), 2)
	require.EqualValues(t, 1, r.ask.srv.Load())
	r.pass(1)
	r.addrs()
	r.settle()
	require.EqualValues(t, 1, r.ask.srv.Load(), "due, but not so soon after the last")
	r.pass(lookupRetry - 1)
	r.addrs()
	r.settle()
	require.EqualValues(t, 2, r.ask.srv.Load())
	require.EqualValues(t, 4, r.ask.ip.Load())
}

func TestServiceThatIsNotOfferedIsTheCarriersWord(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{Targets: []string{name, "192.0.2.9"}})
	r.dns.set(srvOfUDP, reply{records: []dnsmessage.ResourceBody{srv(1, 1, 5070, "sbc.example.test.")}})
	r.dns.a("sbc.example.test.", "192.0.2.1")
	r.dns.a(name+".", "192.0.2.80")
	require.Equal(t, []string{"192.0.2.1:5070", "192.0.2.9:5060"}, r.addrs())
	r.dns.set(srvOfUDP, reply{records: []dnsmessage.ResourceBody{srv(0, 0, 0, ".")}})
	r.pass(lookupTTL)
	r.addrs()
	r.settle()
	require.Equal(t, []string{"192.0.2.9:5060"}, r.addrs(), "neither the last good answer nor the name's own address")

	alone := newRig(t, Config{Targets: []string{name}})
	alone.dns.set(srvOfUDP, reply{records: []dnsmessage.ResourceBody{srv(0, 0, 0, ".")}})
	_, err := alone.Places(t.Context())
	require.ErrorIs(t, err, ErrNowhere)
	require.ErrorIs(t, err, errNotOffered)
}

// deaf does not heed ctx, as cgo's resolver may not.
type deaf struct{}

func (deaf) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	time.Sleep(time.Minute)
	return "", nil, nil
}

func (deaf) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	time.Sleep(time.Minute)
	return nil, nil
}

func TestCallNeverWaitsLonger(t *testing.T) {
	for what, tt := range map[string]struct {
		resolver Resolver
		targets  []string
		places   int
		wait     time.Duration
	}{
		"silent name server":      {hung{}, []string{name, "b.example.test:5060"}, 0, lookupTimeout},
		"deaf resolver":           {deaf{}, []string{name, "b.example.test:5060"}, 0, lookupWait},
		"other targets are there": {deaf{}, []string{"192.0.2.1", name}, 1, lookupWait},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, err := New(Config{Targets: tt.targets, Resolver: tt.resolver})
				require.NoError(t, err)
				defer l.Close()
				start := time.Now()
				found, err := l.Places(t.Context())
				require.Equal(t, tt.wait, time.Since(start))
				require.Len(t, found, tt.places)
				if tt.places == 0 {
					require.ErrorIs(t, err, ErrNowhere)
				}
			})
		})
	}
}

// Once a look-up has failed, a call that has another place goes there at once.
func TestFailedTargetHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := New(Config{Targets: []string{name, "192.0.2.1"}, Resolver: hung{}})
		require.NoError(t, err)
		defer l.Close()
		for i, wait := range []time.Duration{lookupTimeout, 0, 0, 0} {
			start := time.Now()
			found, err := l.Places(t.Context())
			require.NoError(t, err)
			require.Equal(t, []string{"192.0.2.1:5060"}, addrs(found))
			require.Equal(t, wait, time.Since(start), "call %d", i)
			time.Sleep(lookupRetry)
		}
	})
}

func TestCloseCutsALookUpShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := New(Config{Targets: []string{name}, Resolver: hung{}})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		_, err = l.Places(ctx)
		require.ErrorIs(t, err, context.Canceled)
		l.Close()
		require.Zero(t, time.Since(start))
	})
}

// hung answers nothing until ctx ends.
type hung struct{}

func (hung) LookupSRV(ctx context.Context, _, _, _ string) (string, []*net.SRV, error) {
	<-ctx.Done()
	return "", nil, ctx.Err()
}

func (hung) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
