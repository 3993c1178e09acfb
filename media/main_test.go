package media

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/avanak/avanak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

// ownLoopback returns an address of 127/8 that no other process is likely to use, so that a test may choose ports.
func ownLoopback() netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + rand.N(254)), byte(rand.N(256)), byte(1 + rand.N(254))})
}

func newTestPacer(tb testing.TB, threads int) (*Pacer, *prometheus.Registry) {
	tb.Helper()
	reg := prometheus.NewRegistry()
	p, err := New(Config{Threads: threads}, reg)
	require.NoError(tb, err)
	return p, reg
}

// openSession opens a session on a port that the kernel chose.
func openSession(tb testing.TB, p *Pacer) *Session {
	tb.Helper()
	ports, err := NewPorts(PortRange{IP: loopback})
	require.NoError(tb, err)
	s, err := p.Open(ports)
	require.NoError(tb, err)
	tb.Cleanup(s.Close)
	return s
}

// randomClip returns frames in which any misplaced byte shows.
func randomClip(frames int) []byte {
	clip := make([]byte, frames*avanak.FrameBytes)
	for i := range clip {
		clip[i] = byte(rand.N(256))
	}
	return clip
}

// callee is a socket that only the test reads. It blocks in the kernel, not in Go's poller, so that it also serves
// inside a synctest bubble, whose time stands still meanwhile.
type callee struct {
	tb   testing.TB
	sock socket
	addr netip.AddrPort
}

func newCallee(tb testing.TB) *callee {
	tb.Helper()
	return newCalleeAt(tb, netip.AddrPortFrom(loopback, 0))
}

func newCalleeAt(tb testing.TB, at netip.AddrPort) *callee {
	tb.Helper()
	s, port, err := bind(at.Addr(), at.Port())
	require.NoError(tb, err)
	require.NoError(tb, unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20))
	c := &callee{tb: tb, sock: s, addr: netip.AddrPortFrom(at.Addr(), port)}
	tb.Cleanup(c.close)
	return c
}

func (c *callee) close() {
	if c.sock.fd >= 0 {
		c.sock.close()
		c.sock.fd = -1
	}
}

// heard returns the next n packets, and fails where they do not come.
func (c *callee) heard(n int) []rtp.Packet {
	c.tb.Helper()
	packets := make([]rtp.Packet, 0, n)
	deadline := time.Now().Add(20 * time.Second)
	for len(packets) < n {
		if p, ok := c.receive(); ok {
			packets = append(packets, p)
			continue
		}
		require.True(c.tb, time.Now().Before(deadline), "%d of %d packets came", len(packets), n)
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(c.sock.fd), Events: unix.POLLIN}}, 10_000)
		if err == unix.EINTR {
			continue
		}
		require.NoError(c.tb, err)
		require.Positive(c.tb, ready, "%d of %d packets came", len(packets), n)
	}
	return packets
}

// heardNothing fails where a packet waits.
func (c *callee) heardNothing() {
	c.tb.Helper()
	p, ok := c.receive()
	require.False(c.tb, ok, "unexpected packet %s", p.String())
}

func (c *callee) receive() (rtp.Packet, bool) {
	c.tb.Helper()
	var p rtp.Packet
	buf := make([]byte, 1500)
	n, _, err := unix.Recvfrom(c.sock.fd, buf, 0)
	if err == unix.EAGAIN {
		return p, false
	}
	require.NoError(c.tb, err)
	require.Equal(c.tb, packetBytes, n)
	require.NoError(c.tb, p.Unmarshal(buf[:n]))
	return p, true
}

// payload joins what was heard.
func payload(packets []rtp.Packet) []byte {
	var b bytes.Buffer
	for _, p := range packets {
		b.Write(p.Payload)
	}
	return b.Bytes()
}

// requireOneStream checks what RFC 3550 asks of consecutive packets of a stream that never stalled.
func requireOneStream(tb testing.TB, packets []rtp.Packet, payloadType uint8) {
	tb.Helper()
	first := packets[0]
	for i, p := range packets {
		require.Equal(tb, uint8(2), p.Version)
		require.Equal(tb, payloadType, p.PayloadType)
		require.Equal(tb, i == 0, p.Marker, "marker of packet %d", i)
		require.Equal(tb, first.SSRC, p.SSRC)
		require.Equal(tb, first.SequenceNumber+uint16(i), p.SequenceNumber)
		require.Equal(tb, first.Timestamp+uint32(i*avanak.FrameBytes), p.Timestamp)
		require.False(tb, p.Padding || p.Extension || len(p.CSRC) > 0)
	}
}

// metric returns the sum of a metric's samples: values, or the number of observations.
func metric(tb testing.TB, reg *prometheus.Registry, name string) float64 {
	tb.Helper()
	families, err := reg.Gather()
	require.NoError(tb, err)
	var sum float64
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		return sum
	}
	require.Fail(tb, "no such metric", name)
	return 0
}
