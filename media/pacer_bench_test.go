package media

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/avanak/avanak"
)

// benchFrames is how much each stream plays in one round: two seconds.
const benchFrames = 100

// probes is how many streams of each round are listened to; the others go to a socket that nobody reads.
const probes = 50

var benchStreams = []int{500, 2000}

// BenchmarkPacer plays rounds of streams whose starts spread over 20 ms. Beside it, BenchmarkTicker does the same work
// with a goroutine, a ticker and a net.UDPConn for each call.
func BenchmarkPacer(b *testing.B) {
	for _, streams := range benchStreams {
		b.Run(fmt.Sprint(streams), func(b *testing.B) {
			p, _ := newTestPacer(b, 0)
			running(b, p)
			clip := randomClip(benchFrames)
			var sessions []*Session
			shifts := 0
			benchmarkRounds(b, streams, func(to []netip.AddrPort) {
				sessions = sessions[:0]
				for range to {
					s, err := p.Open(benchPorts)
					require.NoError(b, err)
					sessions = append(sessions, s)
				}
				playing := make([]*Playback, 0, streams)
				spread(streams, func(i int) {
					play, err := sessions[i].Play(to[i], PCMA, clip, Options{LeadIn: NoLeadIn})
					require.NoError(b, err)
					playing = append(playing, play)
				})
				for _, play := range playing {
					<-play.Done()
					require.Equal(b, benchFrames, play.Stats().Frames)
					shifts += play.Stats().Shifts
				}
			}, func() {
				for _, s := range sessions {
					s.Close()
				}
			})
			b.ReportMetric(float64(shifts)/float64(b.N*streams), "shifts/stream")
		})
	}
}

var benchPorts = &Ports{ip: loopback}

// BenchmarkTicker is the anchor: what a call costs that paces itself.
func BenchmarkTicker(b *testing.B) {
	for _, streams := range benchStreams {
		b.Run(fmt.Sprint(streams), func(b *testing.B) {
			clip := randomClip(benchFrames)
			var conns []*net.UDPConn
			benchmarkRounds(b, streams, func(to []netip.AddrPort) {
				conns = conns[:0]
				for i := range to {
					c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to[i]))
					require.NoError(b, err)
					require.NoError(b, c.SetReadBuffer(1))
					conns = append(conns, c)
				}
				var calls sync.WaitGroup
				spread(streams, func(i int) { calls.Go(func() { tickerCall(conns[i], clip) }) })
				calls.Wait()
			}, func() {
				for _, c := range conns {
					_ = c.Close()
				}
			})
		})
	}
}

func tickerCall(c *net.UDPConn, clip []byte) {
	h := newHeader(PCMA)
	packet := make([]byte, packetBytes)
	ticker := time.NewTicker(avanak.FrameTime)
	defer ticker.Stop()
	for k := range benchFrames {
		copy(packet, h[:])
		copy(packet[headerBytes:], clip[k*avanak.FrameBytes:])
		_, _ = c.Write(packet)
		h.next()
		<-ticker.C
	}
}

// spread calls start(i) at i/n of a frame's time.
func spread(n int, start func(i int)) {
	begin := time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(avanak.FrameTime * time.Duration(i) / time.Duration(n))))
		start(i)
	}
}

// benchmarkRounds runs rounds of play and reports processor time and allocations by packet, set-up included, and
// lateness. That is taken at the probes' receiver against each stream's first packet: a shift or a lost tick makes all
// that follows late.
func benchmarkRounds(b *testing.B, streams int, play func(to []netip.AddrPort), hangUp func()) {
	b.Helper()
	deaf := newCallee(b)
	require.NoError(b, unix.SetsockoptInt(deaf.sock.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0))
	var late []time.Duration
	var cpu time.Duration
	var mallocs uint64
	rounds := 0
	for b.Loop() {
		probe, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
		require.NoError(b, err)
		require.NoError(b, probe.SetReadBuffer(4<<20))
		to := make([]netip.AddrPort, streams)
		for i := range to {
			to[i] = deaf.addr
			if i%(streams/probes) == 0 {
				to[i] = probe.LocalAddr().(*net.UDPAddr).AddrPort()
			}
		}
		heard := make(chan []time.Duration)
		go func() { heard <- listen(probe) }()
		cpuBefore, mallocsBefore := usage()
		play(to)
		cpuAfter, mallocsAfter := usage()
		cpu += cpuAfter - cpuBefore
		mallocs += mallocsAfter - mallocsBefore
		require.NoError(b, probe.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		late = append(late, <-heard...)
		require.NoError(b, probe.Close())
		hangUp()
		rounds++
	}
	slices.Sort(late)
	packets := float64(rounds * streams * benchFrames)
	b.ReportMetric(float64(cpu.Microseconds())/packets, "cpu-µs/packet")
	b.ReportMetric(float64(mallocs)/packets, "allocs/packet")
	b.ReportMetric(late[len(late)*99/100].Seconds()*1000, "p99-ms-late")
	b.ReportMetric(100*float64(len(late))/float64(rounds*probes*benchFrames), "%heard")
}

// listen reads until its deadline and returns each packet's lateness.
func listen(c *net.UDPConn) []time.Duration {
	type origin struct {
		at       time.Time
		sequence uint16
	}
	first := map[uint32]origin{}
	var late []time.Duration
	buf := make([]byte, 1500)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return late
		}
		now := time.Now()
		var h rtp.Header
		if _, err := h.Unmarshal(buf[:n]); err != nil {
			continue
		}
		if _, known := first[h.SSRC]; !known {
			first[h.SSRC] = origin{at: now, sequence: h.SequenceNumber}
		}
		f := first[h.SSRC]
		late = append(late, now.Sub(f.at)-time.Duration(h.SequenceNumber-f.sequence)*avanak.FrameTime)
	}
}

// usage returns the process's processor time, user and system, and its allocations.
func usage() (cpu time.Duration, mallocs uint64) {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), m.Mallocs
}

// BenchmarkSend compares what a packet costs on our socket and on Go's, to a port that nobody reads.
func BenchmarkSend(b *testing.B) {
	deaf := newCallee(b)
	require.NoError(b, unix.SetsockoptInt(deaf.sock.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0))
	packet := make([]byte, packetBytes)
	b.Run("socket", func(b *testing.B) {
		s, _, err := bind(loopback, 0)
		require.NoError(b, err)
		defer s.close()
		require.NoError(b, s.connect(deaf.addr))
		b.ReportAllocs()
		for b.Loop() {
			_ = s.send(packet)
		}
	})
	b.Run("UDPConn", func(b *testing.B) {
		c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(deaf.addr))
		require.NoError(b, err)
		defer func() { require.NoError(b, c.Close()) }()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.Write(packet)
		}
	})
}
