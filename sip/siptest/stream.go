package siptest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sweepEvery = 40 * time.Millisecond // two packets of 20 ms a call: few wake-ups, and far from a socket's capacity
	maxPacket  = 2048
	maxDrain   = 512      // packets of one stream in one sweep
	slabBytes  = 16 << 10 // payloads of two seconds
	evenTries  = 8        // RTP likes an even port (RFC 3550 §11); the kernel's choice is even every other time
)

// stream is the media socket of one call.
type stream struct {
	call    *Call
	conn    *net.UDPConn
	raw     syscall.RawConn
	addr    netip.AddrPort // of conn
	echo    netip.AddrPort // where packets are sent back to; invalid: nowhere
	talk    netip.AddrPort // where silence is sent to; invalid: nowhere
	said    uint16         // packets of it
	closing atomic.Bool    // set by the loop, carried out by the sweep
	slab    []byte         // payloads; written parts are never written again
}

// sweep empties the sockets of all streams at regular times. Only its goroutine reads them.
type sweep struct {
	journal *journal
	keep    bool          // packets, not only counts
	wake    chan struct{} // there may be streams; holds one

	mu      sync.Mutex
	streams []*stream // guarded by mu

	// The goroutine's own.
	buf, oob []byte
	batch    []Packet
}

func newSweep(j *journal, keep bool) *sweep {
	return &sweep{journal: j, keep: keep, wake: make(chan struct{}, 1), buf: make([]byte, maxPacket),
		oob: make([]byte, 128)}
}

// open opens the media socket of a call on a port of the kernel's choice.
func (s *sweep) open(call *Call, ip netip.Addr) (*stream, error) {
	var odd *net.UDPConn
	defer func() {
		if odd != nil {
			_ = odd.Close()
		}
	}()
	for try := 1; ; try++ {
		conn, err := listen(netip.AddrPortFrom(ip, 0))
		if err != nil {
			return nil, fmt.Errorf("open media socket: %w", err)
		}
		st := &stream{call: call, conn: conn, addr: localAddr(conn)}
		if st.addr.Port()%2 == 0 || try == evenTries {
			if st.raw, err = conn.SyscallConn(); err != nil {
				_ = conn.Close()
				return nil, fmt.Errorf("open media socket: %w", err)
			}
			return st, nil
		}
		// Held until the next try, so that the kernel names another port.
		if odd != nil {
			_ = odd.Close()
		}
		odd = conn
	}
}

// watch hands a stream to the sweep, which closes it in the end.
func (s *sweep) watch(st *stream) {
	s.mu.Lock()
	s.streams = append(s.streams, st)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run sweeps while there are streams and sleeps while there are none, until stop is closed; then it closes all.
func (s *sweep) run(stop <-chan struct{}) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	idle := false
	for {
		select {
		case <-stop:
			s.pass(true)
			return
		case <-s.wake:
			if idle {
				ticker.Reset(sweepEvery)
				idle = false
			}
		case <-ticker.C:
			if s.pass(false) == 0 {
				ticker.Stop()
				idle = true
			}
		}
	}
}

// pass reads all streams and closes those that are closing (or all); it returns how many are left.
func (s *sweep) pass(all bool) int {
	s.mu.Lock()
	streams := s.streams
	s.streams = nil
	s.mu.Unlock()
	open := streams[:0]
	for _, st := range streams {
		closing := st.closing.Load() // before the read, so that the last read follows the linger
		s.drain(st)
		st.speak()
		if closing || all {
			_ = st.conn.Close()
			if closing {
				s.journal.end(st.call)
			}
			continue
		}
		open = append(open, st)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams = append(open, s.streams...)
	return len(s.streams)
}

// speak sends a packet of silence where the script wants the callee to talk. It is A-law, which every caller offers.
func (st *stream) speak() {
	if !st.talk.IsValid() {
		return
	}
	const frame = 160
	packet := make([]byte, 12, 12+frame)
	packet[0], packet[1] = 2<<6, PCMA
	binary.BigEndian.PutUint16(packet[2:], st.said)
	binary.BigEndian.PutUint32(packet[4:], uint32(st.said)*frame)
	binary.BigEndian.PutUint32(packet[8:], uint32(st.addr.Port()))
	st.said++
	_, _ = st.conn.WriteToUDPAddrPort(append(packet, bytes.Repeat([]byte{0xD5}, frame)...), st.talk)
}

// drain reads what waits in a stream's socket.
func (s *sweep) drain(st *stream) {
	s.batch = s.batch[:0]
	bad, bytes := 0, 0
	var source netip.AddrPort
	// The function always returns true: the socket is not waited for. An error means that it is closed.
	_ = st.raw.Read(func(fd uintptr) bool {
		for range maxDrain {
			n, oobn, flags, from, err := unix.Recvmsg(int(fd), s.buf, s.oob, unix.MSG_DONTWAIT)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return true
			}
			p, ok := readPacket(s.buf[:n])
			if !ok || flags&unix.MSG_TRUNC != 0 {
				bad++
				continue
			}
			if st.echo.IsValid() {
				_, _ = st.conn.WriteToUDPAddrPort(s.buf[:n], st.echo)
			}
			if len(s.batch) == 0 {
				source = addrPort(from)
			}
			bytes += len(p.Payload)
			p.At = stamp(s.oob[:oobn])
			p.Payload = st.save(p.Payload, s.keep)
			s.batch = append(s.batch, p)
		}
		return true
	})
	if len(s.batch) == 0 && bad == 0 {
		return
	}
	s.journal.note(st.call, func(c *Call, n *Counts) {
		n.BadPackets += bad
		n.Packets += len(s.batch)
		if len(s.batch) == 0 {
			return
		}
		if c.RTP.Packets == 0 {
			c.RTP.FirstAt, c.RTP.Source = s.batch[0].At, source
		}
		c.RTP.Packets += len(s.batch)
		c.RTP.Bytes += bytes
		c.RTP.LastAt = s.batch[len(s.batch)-1].At
		if s.keep {
			c.Packets = append(c.Packets, s.batch...)
		}
	})
}

// save copies a payload into the slab; where packets are not kept it returns nil.
func (st *stream) save(payload []byte, keep bool) []byte {
	if !keep {
		return nil
	}
	if cap(st.slab)-len(st.slab) < len(payload) {
		st.slab = make([]byte, 0, max(slabBytes, len(payload)))
	}
	from := len(st.slab)
	st.slab = append(st.slab, payload...)
	return st.slab[from:len(st.slab):len(st.slab)]
}

// readPacket reads an RTP packet (RFC 3550 §5.1); its Payload lies in b. RTCP on the same port is none (RFC 5761 §4).
func readPacket(b []byte) (Packet, bool) {
	if len(b) < 12 || b[0]>>6 != 2 || (b[1] >= 192 && b[1] <= 223) {
		return Packet{}, false
	}
	p := Packet{Marker: b[1]&0x80 != 0, Type: b[1] & 0x7f, Sequence: binary.BigEndian.Uint16(b[2:]),
		Timestamp: binary.BigEndian.Uint32(b[4:]), SSRC: binary.BigEndian.Uint32(b[8:])}
	from := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 { // header extension
		if len(b) < from+4 {
			return Packet{}, false
		}
		from += 4 + 4*int(binary.BigEndian.Uint16(b[from+2:]))
	}
	to := len(b)
	if b[0]&0x20 != 0 { // padding, its length last
		to -= int(b[len(b)-1])
		if b[len(b)-1] == 0 {
			return Packet{}, false
		}
	}
	if from > to {
		return Packet{}, false
	}
	p.Payload = b[from:to]
	return p, true
}

func addrPort(from unix.Sockaddr) netip.AddrPort {
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
