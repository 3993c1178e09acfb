package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// socketBuffer is asked of the kernel for each direction, in bytes: a burst of answers must not be dropped while the
// process is held up. The kernel may give less.
const socketBuffer = 4 << 20

// readPause is the wait after a read error that is not the socket's end, so that a persistent one does not spin.
const readPause = 10 * time.Millisecond

// socket is an Agent's UDP socket as sipgo reads it. It tells when sipgo has begun to read (before that sipgo would open
// a second socket for our first request), and hides read errors that pass: sipgo's reader ends at the first error.
type socket struct {
	net.PacketConn
	reading chan struct{} // closed at the first read
	once    sync.Once
	muted   chan struct{} // closed by mute
	closed  chan struct{} // closed by Close
}

// listen binds addr and returns the socket with the address to advertise.
func listen(addr netip.AddrPort) (*socket, error) {
	network := "udp4"
	if addr.Addr().Is6() && !addr.Addr().Is4In6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	// What the kernel grants below the wish is still a working socket.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	return &socket{PacketConn: conn, reading: make(chan struct{}), muted: make(chan struct{}), closed: make(chan struct{})}, nil
}

// ReadFrom reads one datagram; its only error is net.ErrClosed.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.once.Do(func() { close(s.reading) })
	for {
		n, addr, err := s.PacketConn.ReadFrom(b)
		select {
		case <-s.muted:
			<-s.closed
			return 0, nil, net.ErrClosed
		default:
		}
		if err == nil || errors.Is(err, net.ErrClosed) {
			return n, addr, err
		}
		time.Sleep(readPause)
	}
}

// mute ends the delivery of datagrams while sipgo still believes in the socket: when its reader ends, sipgo answers a
// request that it is just handling from a new socket, which nobody would close.
func (s *socket) mute() {
	close(s.muted)
	// Wakes a reader that waits. The socket is open, so that this cannot fail.
	_ = s.SetReadDeadline(time.Now())
}

// Close ends the reader and closes the socket.
func (s *socket) Close() error {
	close(s.closed)
	return s.PacketConn.Close()
}

// addr is the bound address.
func (s *socket) addr() netip.AddrPort {
	udp, ok := s.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	a := udp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// sourceFor is the local address that the kernel would choose for packets to remote. Connecting a UDP socket sends nothing.
func sourceFor(remote netip.AddrPort) (netip.Addr, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find a route to %s: %w", remote, err)
	}
	defer func() { _ = conn.Close() }() // nothing was sent, so nothing is lost with it
	udp, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, fmt.Errorf("find a route to %s: %w", remote, net.ErrClosed)
	}
	return udp.AddrPort().Addr().Unmap(), nil
}
