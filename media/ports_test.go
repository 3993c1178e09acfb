package media

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/avanak/avanak"
)

func newTestPorts(tb testing.TB, r PortRange) *Ports {
	tb.Helper()
	p, err := NewPorts(r)
	require.NoError(tb, err)
	return p
}

func TestPortRangeValidate(t *testing.T) {
	tests := map[string]struct {
		r     PortRange
		pairs int
		bad   bool
	}{
		"kernel's choice":  {r: PortRange{}},
		"one pair":         {r: PortRange{Min: 20000, Max: 20001}, pairs: 1},
		"odd start":        {r: PortRange{Min: 20001, Max: 20003}, pairs: 1},
		"even end":         {r: PortRange{Min: 20000, Max: 20004}, pairs: 2},
		"to the top":       {r: PortRange{Min: 65530, Max: 65535}, pairs: 3},
		"no room for RTCP": {r: PortRange{Min: 20000, Max: 20000}, bad: true},
		"no even port":     {r: PortRange{Min: 20001, Max: 20002}, bad: true},
		"upside down":      {r: PortRange{Min: 20002, Max: 20000}, bad: true},
		"no start":         {r: PortRange{Max: 20000}, bad: true},
		"no end":           {r: PortRange{Min: 20000}, bad: true},
		"multicast":        {r: PortRange{IP: netip.MustParseAddr("224.0.0.1")}, bad: true},
		"zone":             {r: PortRange{IP: netip.MustParseAddr("fe80::1%lo")}, bad: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := NewPorts(tt.r)
			if tt.bad {
				require.ErrorIs(t, err, avanak.ErrInvalid)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.pairs, p.total)
			require.Equal(t, netip.IPv4Unspecified(), p.ip)
		})
	}
}

func TestKernelChosenPortsAreEven(t *testing.T) {
	p, _ := newTestPacer(t, 1)
	seen := map[uint16]bool{}
	for range 50 {
		s := openSession(t, p)
		require.Zero(t, s.LocalPort()%2)
		require.False(t, seen[s.LocalPort()])
		seen[s.LocalPort()] = true
	}
}

func TestPortsExhaustAndRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, reg := newTestPacer(t, 1)
		ports := newTestPorts(t, PortRange{IP: ownLoopback(), Min: 20000, Max: 20005})
		var open []*Session
		got := map[uint16]bool{}
		for range 3 {
			s, err := p.Open(ports)
			require.NoError(t, err)
			t.Cleanup(s.Close)
			open = append(open, s)
			got[s.LocalPort()] = true
		}
		require.Equal(t, map[uint16]bool{20000: true, 20002: true, 20004: true}, got)

		exhausted := func() {
			t.Helper()
			_, err := p.Open(ports)
			require.ErrorIs(t, err, ErrPortsExhausted)
			require.ErrorIs(t, err, avanak.ErrLimited)
		}
		exhausted()
		open[1].Close()
		open[1].Close() // the port is freed once
		time.Sleep(2 * time.Second)
		open[2].Close()
		exhausted()
		time.Sleep(Quarantine - 2*time.Second - time.Nanosecond)
		exhausted()
		time.Sleep(time.Nanosecond)
		s, err := p.Open(ports)
		require.NoError(t, err)
		t.Cleanup(s.Close)
		require.Equal(t, open[1].LocalPort(), s.LocalPort())
		exhausted()
		time.Sleep(2 * time.Second)
		s, err = p.Open(ports)
		require.NoError(t, err)
		t.Cleanup(s.Close)
		require.Equal(t, open[2].LocalPort(), s.LocalPort())
		exhausted()
		require.InDelta(t, 5, metric(t, reg, "avanak_media_ports_exhausted_total"), 0)
	})
}

func TestForeignPortIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		r := PortRange{IP: ownLoopback(), Min: 20000, Max: 20005}
		ports := newTestPorts(t, r)
		foreign := newCalleeAt(t, netip.AddrPortFrom(r.IP, 20002))
		for range 2 {
			s, err := p.Open(ports)
			require.NoError(t, err)
			t.Cleanup(s.Close)
			require.NotEqual(t, uint16(20002), s.LocalPort())
		}
		_, err := p.Open(ports)
		require.ErrorIs(t, err, ErrPortsExhausted)
		foreign.close()
		time.Sleep(Quarantine)
		s, err := p.Open(ports)
		require.NoError(t, err, "it is tried again")
		t.Cleanup(s.Close)
		require.Equal(t, uint16(20002), s.LocalPort())
	})
}

func TestForeignAddressIsNotExhaustion(t *testing.T) {
	p, _ := newTestPacer(t, 1)
	// TEST-NET-1 of RFC 5737 is nobody's address.
	ports := newTestPorts(t, PortRange{IP: netip.MustParseAddr("192.0.2.1"), Min: 20000, Max: 20003})
	for range 5 {
		_, err := p.Open(ports)
		require.ErrorIs(t, err, unix.EADDRNOTAVAIL)
		require.NotErrorIs(t, err, ErrPortsExhausted)
	}
	require.Equal(t, 2, ports.count, "a port that was not used stays free")
}

func TestLackOfDescriptorsIsALimit(t *testing.T) {
	require.ErrorIs(t, limited(unix.EMFILE), avanak.ErrLimited)
	require.ErrorIs(t, limited(unix.EMFILE), unix.EMFILE)
	require.NotErrorIs(t, limited(unix.EADDRNOTAVAIL), avanak.ErrLimited)
}

// However calls come and go, a port belongs to one call at a time, rests after it, and none is ever lost.
func TestPortsAreConserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pairs = 7
		ports := newTestPorts(t, PortRange{IP: ownLoopback(), Min: 20000, Max: 20000 + 2*pairs - 1})
		used := map[uint16]bool{}
		closed := map[uint16]time.Time{}
		for range 5000 {
			switch rand.N(4) {
			case 0:
				time.Sleep(rand.N(2 * time.Second))
			case 1:
				for port := range used {
					delete(used, port)
					closed[port] = time.Now()
					ports.release(port)
					break
				}
			case 2:
				if port, ok := ports.take(); ok {
					ports.putBack(port)
				}
			default:
				port, ok := ports.take()
				if !ok {
					continue
				}
				require.False(t, used[port])
				require.GreaterOrEqual(t, time.Since(closed[port]), Quarantine)
				used[port] = true
			}
			require.Equal(t, pairs, len(used)+ports.count)
		}
	})
}
