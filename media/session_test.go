package media

import (
	"bytes"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/avanak/avanak"
)

func TestPlayRefuses(t *testing.T) {
	p, _ := newTestPacer(t, 1)
	to := newCallee(t)
	clip := randomClip(2)
	tests := map[string]struct {
		remote      string
		payloadType uint8
		frames      []byte
		leadIn      time.Duration
	}{
		"no address":           {payloadType: PCMA, frames: clip},
		"no port":              {remote: "127.0.0.1:0", payloadType: PCMA, frames: clip},
		"hold of RFC 2543":     {remote: "0.0.0.0:4000", payloadType: PCMA, frames: clip},
		"multicast":            {remote: "224.0.0.1:4000", payloadType: PCMA, frames: clip},
		"other family":         {remote: "[::1]:4000", payloadType: PCMA, frames: clip},
		"zone":                 {remote: "[fe80::1%lo]:4000", payloadType: PCMA, frames: clip},
		"unknown payload type": {remote: to.addr.String(), payloadType: 101, frames: clip},
		"no frames":            {remote: to.addr.String(), payloadType: PCMA},
		"part of a frame":      {remote: to.addr.String(), payloadType: PCMA, frames: clip[1:]},
		"endless lead-in":      {remote: to.addr.String(), payloadType: PCMA, frames: clip, leadIn: MaxLeadIn + 1},
	}
	s := openSession(t, p)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var remote netip.AddrPort
			if tt.remote != "" {
				remote = netip.MustParseAddrPort(tt.remote)
			}
			_, err := s.Play(remote, tt.payloadType, tt.frames, Options{LeadIn: tt.leadIn})
			require.ErrorIs(t, err, avanak.ErrInvalid)
		})
	}
	to.heardNothing()

	mapped := netip.AddrPortFrom(netip.AddrFrom16(to.addr.Addr().As16()), to.addr.Port())
	_, err := s.Play(mapped, PCMA, clip, Options{})
	require.NoError(t, err, "a refused Play leaves the session usable, and mapped IPv4 is IPv4")
	to.heard(1)
	_, err = s.Play(to.addr, PCMA, clip, Options{})
	require.ErrorIs(t, err, avanak.ErrConflict, "a session plays once")
	to.heardNothing()
}

func TestPlayReportsUnreachableNetwork(t *testing.T) {
	p, _ := newTestPacer(t, 1)
	_, err := openSession(t, p).Play(netip.MustParseAddrPort("255.255.255.255:4000"), PCMA, randomClip(1), Options{})
	require.ErrorIs(t, err, unix.EACCES)
}

func TestCloseIsFinal(t *testing.T) {
	p, _ := newTestPacer(t, 1)
	s, to := openSession(t, p), newCallee(t)
	s.Close()
	s.Close()
	_, err := s.Play(to.addr, PCMA, randomClip(1), Options{})
	require.ErrorIs(t, err, avanak.ErrConflict)
	to.heardNothing()
}

func TestSessionsLeaveNoDescriptor(t *testing.T) {
	p, _ := newTestPacer(t, 1)
	running(t, p)
	to := newCallee(t)
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(entries)
	}
	before := descriptors()
	for range 50 {
		s := openSession(t, p)
		_, err := s.Play(to.addr, PCMA, randomClip(1), Options{})
		require.NoError(t, err)
		s.Close()
	}
	require.Equal(t, before, descriptors())
}

func TestStreamFitsInAKibibyte(t *testing.T) {
	const streams = 1000
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // the first may only finish a sweep
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	p, _ := newTestPacer(t, 1)
	ports, err := NewPorts(PortRange{IP: loopback})
	require.NoError(t, err)
	to, clip := newCallee(t), randomClip(1000)
	sessions := make([]*Session, 0, streams)
	before := heap()
	for range streams {
		s, err := p.Open(ports)
		require.NoError(t, err)
		sessions = append(sessions, s)
		_, err = s.Play(to.addr, PCMA, clip, Options{})
		require.NoError(t, err)
	}
	p.wheels[0].admit()
	each := int64(heap()-before) / streams
	for _, s := range sessions {
		s.Close()
	}
	require.Positive(t, each)
	require.LessOrEqual(t, each, int64(1024))
	t.Logf("%d bytes a stream", each)
}

// RTP that returns, from the callee or a stranger, neither redirects the stream nor costs more than its socket's buffer.
func TestArrivalsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newTestPacer(t, 1)
		running(t, p)
		s, to, stranger := openSession(t, p), newCallee(t), newCallee(t)
		us := netip.AddrPortFrom(loopback, s.LocalPort())
		require.NoError(t, stranger.sock.connect(us))
		require.NoError(t, to.sock.connect(us))
		clip := randomClip(50)
		b, err := s.Play(to.addr, PCMA, clip, Options{LeadIn: NoLeadIn})
		require.NoError(t, err)

		junk := make([]byte, packetBytes)
		taken := 0
		for range 1000 {
			if stranger.sock.send(junk) == nil {
				taken++
			}
			_, _, err := unix.Recvfrom(s.sock.fd, junk, unix.MSG_PEEK)
			require.ErrorIs(t, err, unix.EAGAIN, "the kernel drops a stranger's packets")
		}
		require.Positive(t, taken, "the stranger did send")
		for range 1000 {
			require.NoError(t, to.sock.send(junk))
		}
		<-b.Done()
		require.Equal(t, clip, payload(to.heard(50)))
		stranger.sock.close()
		stranger.sock.fd = -1

		kept := 0
		for _, _, err := unix.Recvfrom(s.sock.fd, junk, 0); err == nil; _, _, err = unix.Recvfrom(s.sock.fd, junk, 0) {
			kept++
		}
		require.Positive(t, kept)
		require.Less(t, kept, 20, "the kernel keeps a few packets and drops the rest")
	})
}

func TestStreamOutlivesDeadPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const frames = 60
		p, reg := newTestPacer(t, 1)
		running(t, p)
		to, clip := newCallee(t), randomClip(frames)
		start := time.Now()
		b, err := openSession(t, p).Play(to.addr, PCMA, clip, Options{LeadIn: NoLeadIn})
		require.NoError(t, err)
		time.Sleep(19*avanak.FrameTime + 2*tick)
		require.Equal(t, clip[:20*avanak.FrameBytes], payload(to.heard(20)))
		to.close()
		time.Sleep(21 * avanak.FrameTime)
		require.Positive(t, b.Stats().SendErrors, "the ICMP answer was seen")
		require.Positive(t, metric(t, reg, "avanak_media_send_errors_total"))

		again := newCalleeAt(t, to.addr)
		<-b.Done()
		within(t, time.Since(start), frames*avanak.FrameTime)
		last := clip[(frames-1)*avanak.FrameBytes:]
		for !bytes.Equal(last, again.heard(1)[0].Payload) {
			continue
		}
		// The kernel may answer two packets before we send the next: that one is lost then.
		require.Greater(t, b.Stats().Frames, frames-5, "an ICMP answer to an earlier packet costs no frame")
		require.True(t, b.Stats().Complete)
		require.Zero(t, b.Stats().Shifts)
	})
}

func TestSocketAsksForExpeditedForwarding(t *testing.T) {
	p, _ := newTestPacer(t, 1)
	tos, err := unix.GetsockoptInt(openSession(t, p).sock.fd, unix.IPPROTO_IP, unix.IP_TOS)
	require.NoError(t, err)
	require.Equal(t, 0xB8, tos)
}

func TestSockaddrKeepsFamily(t *testing.T) {
	require.Equal(t, &unix.SockaddrInet4{Port: 4000, Addr: [4]byte{127, 0, 0, 1}},
		sockaddr(netip.MustParseAddrPort("127.0.0.1:4000")))
	require.Equal(t, &unix.SockaddrInet6{Port: 4000, Addr: [16]byte{15: 1}}, sockaddr(netip.MustParseAddrPort("[::1]:4000")))
}
