package impair

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// passage is what became of a run of numbered datagrams.
type passage struct {
	got   []int // numbers as they arrived
	stats Stats
}

// through sends n numbered datagrams to the target of a proxy, as fast as none is lost by the kernel.
func through(t *testing.T, cfg Config, n int) passage {
	t.Helper()
	target, client := udp(t), udp(t)
	p := start(t, target, cfg)
	var got []int
	arrived := func(stats Counts) {
		for len(got) < stats.Out {
			text, _ := read(t, target)
			number, err := strconv.Atoi(text)
			require.NoError(t, err)
			got = append(got, number)
		}
	}
	for i := range n {
		write(t, client, p.Addr(), strconv.Itoa(i))
		if i%window == window-1 {
			eventually(t, func() bool {
				stats := p.Stats().ToTarget
				arrived(stats)
				return stats.In == i+1 && p.Stats().Waiting < 2*window
			})
		}
	}
	eventually(t, func() bool {
		stats := p.Stats()
		arrived(stats.ToTarget)
		return stats.ToTarget.In == n && stats.Waiting == 0 && atRest(stats.ToTarget)
	})
	return passage{got, p.Stats()}
}

// atRest tells whether everything that came is accounted for.
func atRest(c Counts) bool { return c.In+c.Duplicated == c.Lost+c.Dropped+c.Out }

// fatesOf are the numbers that arrive, and how often, by the dice alone.
func fatesOf(p Path, seed uint64, n int) map[int]int {
	want := map[int]int{}
	f := newFates(p, seed, ToTarget)
	for i := range n {
		switch r := f.next(); {
		case r.lost:
		case r.twice:
			want[i] = 2
		default:
			want[i] = 1
		}
	}
	return want
}

func times(numbers []int) map[int]int {
	m := map[int]int{}
	for _, n := range numbers {
		m[n]++
	}
	return m
}

func TestPerfectPathChangesNothing(t *testing.T) {
	r := through(t, Config{}, 2000)
	require.Len(t, r.got, 2000)
	require.True(t, slices.IsSorted(r.got))
	require.Equal(t, Stats{ToTarget: Counts{In: 2000, Out: 2000}, Clients: 1}, r.stats)
}

func TestEveryEffectReachesTheWire(t *testing.T) {
	for name, path := range map[string]Path{
		"loss": {Loss: 0.05}, "duplicates": {Duplicate: 0.02}, "reordering": {Reorder: 0.05}, "jitter": {Jitter: 2 * time.Millisecond},
		"all": {Loss: 0.3, Duplicate: 0.1, Reorder: 0.1, Delay: time.Millisecond, Jitter: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			const seed = 42
			r := through(t, Config{Path: path, Seed: seed}, throws)
			c := r.stats.ToTarget
			require.Zero(t, c.Dropped)
			requireShare(t, path.Loss, c.Lost, throws, "lost")
			requireShare(t, path.Duplicate, c.Duplicated, throws-c.Lost, "duplicated")
			requireShare(t, path.Reorder, c.Reordered, throws-c.Lost, "reordered")
			require.Equal(t, fatesOf(path, seed, throws), times(r.got), "fate must follow from seed and number")
			moved := path.Reorder > 0 || path.Jitter > 0
			require.Equal(t, !moved, slices.IsSorted(r.got))
		})
	}
}

func TestReorderedDatagramIsPassedByOneToEight(t *testing.T) {
	path := Path{Reorder: 0.05}
	const seed = 3
	r := through(t, Config{Path: path, Seed: seed}, throws)
	var fates []fate
	for f := newFates(path, seed, ToTarget); len(fates) < throws; {
		fates = append(fates, f.next())
	}
	passed := 0 // held back, and in fact passed by later ones
	for at, number := range r.got {
		later := 0
		for _, before := range r.got[max(at-window, 0):at] {
			if before > number && fates[before].overtakers == 0 {
				later++
			}
		}
		require.LessOrEqual(t, later, fates[number].overtakers)
		if later > 0 {
			passed++
		}
	}
	// Those that nobody passed in time (a stalled machine, the last of the run) are few.
	require.LessOrEqual(t, passed, r.stats.ToTarget.Reordered)
	require.GreaterOrEqual(t, passed, r.stats.ToTarget.Reordered/2)
}

func TestLastDatagramOfABurstIsNotHeldForEver(t *testing.T) {
	require.Equal(t, []int{0}, through(t, Config{Path: Path{Reorder: 1}}, 1).got)
}

func TestDelayHoldsBackAndKeepsOrder(t *testing.T) {
	target, client := udp(t), udp(t)
	const delay = 50 * time.Millisecond
	p := start(t, target, Config{Path: Path{Delay: delay}})
	var sent [window]time.Time
	for i := range window {
		sent[i] = time.Now()
		write(t, client, p.Addr(), strconv.Itoa(i))
	}
	for i := range window {
		text, _ := read(t, target)
		require.Equal(t, strconv.Itoa(i), text)
		require.GreaterOrEqual(t, time.Since(sent[i]), delay)
	}
}

func TestEachWayHasItsOwnPath(t *testing.T) {
	target, client := udp(t), udp(t)
	p := start(t, target, Config{Path: Path{Loss: 1}, ToTarget: &Path{Duplicate: 1}})
	write(t, client, p.Addr(), "there")
	text, back := read(t, target)
	require.Equal(t, "there", text)
	text, _ = read(t, target)
	require.Equal(t, "there", text, "its copy")
	write(t, target, back, "and back")
	eventually(t, func() bool { return p.Stats().ToClient.In == 1 })
	require.Equal(t, Counts{In: 1, Lost: 1}, p.Stats().ToClient)
	require.Equal(t, Counts{In: 1, Duplicated: 1, Out: 2}, p.Stats().ToTarget)
}

func TestEachClientHasAnAddressOfItsOwn(t *testing.T) {
	target := udp(t)
	p := start(t, target, Config{})
	seen := map[netip.AddrPort]bool{}
	for i := range 3 {
		client, name := udp(t), fmt.Sprint("client ", i)
		write(t, client, p.Addr(), name)
		text, from := read(t, target)
		require.Equal(t, name, text)
		seen[from] = true
		write(t, udp(t), from, "a stranger's")
		write(t, target, from, "for "+name)
		text, from = read(t, client)
		require.Equal(t, "for "+name, text)
		require.Equal(t, p.Addr(), from)
	}
	require.Len(t, seen, 3)
	require.Equal(t, 3, p.Stats().Clients)
}

func TestWatchHearsWhatBecomesOfEachDatagram(t *testing.T) {
	var lost, passed atomic.Int64
	r := through(t, Config{Path: Path{Loss: 0.3}, Watch: func(d Datagram) {
		if d.Lost {
			lost.Add(1)
		} else {
			passed.Add(1)
		}
	}}, 1000)
	require.EqualValues(t, r.stats.ToTarget.Lost, lost.Load())
	require.EqualValues(t, r.stats.ToTarget.Out, passed.Load())
}

func TestAbsentTargetIsASilentOne(t *testing.T) {
	target, client := udp(t), udp(t)
	p := start(t, target, Config{})
	require.NoError(t, target.Close())
	for i := range 20 {
		write(t, client, p.Addr(), "nobody there")
		eventually(t, func() bool { return p.Stats().ToTarget.Out == i+1 })
	}
}

func TestCloseDropsWhatWaits(t *testing.T) {
	target, client := udp(t), udp(t)
	p := start(t, target, Config{Path: Path{Delay: maxDelay}})
	write(t, client, p.Addr(), "late")
	eventually(t, func() bool { return p.Stats().Waiting == 1 })
	p.Close()
	p.Close()
	require.Zero(t, p.Stats().ToTarget.Out)
}

func TestFloodDoesNotGrowMemory(t *testing.T) {
	const flood, size, room = 50_000, 1000, 500
	for name, l := range map[string]limits{
		"by number": {clients: 4, parcels: room, bytes: flood * size},
		"by bytes":  {clients: 4, parcels: flood, bytes: room * size},
	} {
		t.Run(name, func(t *testing.T) {
			target := udp(t)
			p, err := open(addrOf(target), Config{Path: Path{Delay: maxDelay, Duplicate: 0.1, Reorder: 0.1}}, l)
			require.NoError(t, err)
			t.Cleanup(p.Close)
			var clients []*net.UDPConn
			for range 10 {
				clients = append(clients, udp(t))
			}
			before, payload := liveHeap(), strings.Repeat("x", size)
			for i := range flood {
				write(t, clients[i%len(clients)], p.Addr(), payload)
				if i%window == window-1 { // at the proxy's pace: the flood is to reach it
					eventually(t, func() bool { return p.Stats().ToTarget.In == i+1 })
				}
			}
			stats := p.Stats()
			require.Equal(t, 4, stats.Clients)
			require.Equal(t, room, stats.Waiting)
			require.Equal(t, flood+stats.ToTarget.Duplicated-room, stats.ToTarget.Dropped)
			require.Less(t, liveHeap()-before, int64(4*room*size), "bytes kept of a flood of %d", flood*size)
		})
	}
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	local := netip.MustParseAddrPort("127.0.0.1:5060")
	for want, c := range map[string]struct {
		target netip.AddrPort
		cfg    Config
	}{
		"loopback":              {netip.MustParseAddrPort("192.0.2.1:5060"), Config{}},
		"with a port":           {netip.MustParseAddrPort("127.0.0.1:0"), Config{}},
		"loss must be":          {local, Config{Path: Path{Loss: 1.1}}},
		"duplicate must be":     {local, Config{Path: Path{Duplicate: -0.1}}},
		"to client: reorder":    {local, Config{ToClient: &Path{Reorder: 2}}},
		"to target: delay and ": {local, Config{ToTarget: &Path{Jitter: time.Hour}}},
	} {
		_, err := New(c.target, c.cfg)
		require.ErrorContains(t, err, want)
	}
}
