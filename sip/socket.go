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
//
// What the door does not let in is dropped here, before anything is parsed or remembered of it.
type socket struct {
	*net.UDPConn
	door    *door
	reading chan struct{} // closed at the first read
	once    sync.Once
	muted   chan struct{} // closed by mute
	closed  chan struct{} // closed by Close

	// The reader's own.
	lastAddr netip.AddrPort
	lastName *net.UDPAddr // never changed once it was handed out
}

// listen binds addr.
func listen(addr netip.AddrPort, d *door) (*socket, error) {
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
	return &socket{UDPConn: conn, door: d, reading: make(chan struct{}), muted: make(chan struct{}), closed: make(chan struct{})}, nil
}

// ReadFrom reads one datagram that the door lets in; its only error is net.ErrClosed.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.once.Do(func() { close(s.reading) })
	for {
		n, addr, err := s.ReadFromUDPAddrPort(b)
		select {
		case <-s.muted:
			<-s.closed
			return 0, nil, net.ErrClosed
		default:
		}
		switch {
		case err == nil:
			if s.door.admits(addr, b[:n]) {
				return n, s.name(addr), nil
			}
		case errors.Is(err, net.ErrClosed):
			return n, nil, err
		default:
			time.Sleep(readPause)
		}
	}
}

// name is the address as sipgo wants it. Most datagrams come from the address that the last one came from.
func (s *socket) name(addr netip.AddrPort) net.Addr {
	if s.lastAddr != addr {
		s.lastAddr = addr
		s.lastName = net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()))
	}
	return s.lastName
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
	return s.UDPConn.Close()
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
