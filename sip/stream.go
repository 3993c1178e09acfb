package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxStreams bounds the connections that far ends have opened to us at once.
const maxStreams = 256

// streams is an Agent's TCP listener as sipgo reads it: strangers are turned away before a byte is read, and errors that
// pass are hidden, for sipgo's accepter ends at the first.
type streams struct {
	*net.TCPListener
	door   *door
	closed chan struct{} // closed by Close
	once   sync.Once
	seats  chan struct{}                  // one value for each connection that lives
	poses  func(from netip.AddrPort) bool // tells who comes from a target's own port; nil where that is as good as any
}

func listenStream(addr netip.AddrPort, d *door) (*streams, error) {
	network := "tcp4"
	if addr.Addr().Is6() && !addr.Addr().Is4In6() {
		network = "tcp6"
	}
	l, err := net.ListenTCP(network, net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return &streams{TCPListener: l, door: d, closed: make(chan struct{}), seats: make(chan struct{}, maxStreams)}, nil
}

// Accept returns the next connection of somebody who may talk to us; its only error is net.ErrClosed.
func (s *streams) Accept() (net.Conn, error) {
	for {
		conn, err := s.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, net.ErrClosed
		case err != nil:
			select {
			case <-s.closed:
				return nil, net.ErrClosed
			case <-time.After(readPause):
			}
			continue
		}
		if remote, ok := conn.RemoteAddr().(*net.TCPAddr); ok && s.door.admitsStream(conn) && (s.poses == nil || !s.poses(remote.AddrPort())) {
			select {
			case s.seats <- struct{}{}:
				return &seated{Conn: conn, leave: s.seats}, nil
			default:
				s.door.full(conn)
			}
		}
		_ = conn.Close() // nothing was said, so nothing is lost
	}
}

// Close ends the accepter.
func (s *streams) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.TCPListener.Close()
}

// addr is the bound address.
func (s *streams) addr() netip.AddrPort {
	tcp, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	a := tcp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// seated gives its seat back when it is closed.
type seated struct {
	net.Conn
	once  sync.Once
	leave <-chan struct{}
}

// Close closes the connection.
func (c *seated) Close() error {
	c.once.Do(func() { <-c.leave })
	return c.Conn.Close()
}
