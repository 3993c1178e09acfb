package media

import (
	"fmt"
	"net/netip"
	"sync"

	"github.com/avanak/avanak"
)

// Session is the media side of one call: a socket on an even port, and at most one playback.
type Session struct {
	pacer *Pacer
	ports *Ports
	port  uint16
	sock  socket

	mu       sync.Mutex
	playback *Playback // guarded by mu
	closed   bool      // guarded by mu
}

// LocalPort is the port for the SDP offer's m= line; always even.
func (s *Session) LocalPort() uint16 { return s.port }

// Play sends the lead-in and then frames (G.711 of the payload type's law, whole frames of avanak.FrameBytes, which
// the caller never writes again) to the address that the SDP answer gave. The first packet has left when Play returns,
// unless the playback begins on hold. A session plays once: again, or after Close, the error wraps avanak.ErrConflict. It
// wraps avanak.ErrInvalid where an argument cannot be played, and avanak.ErrUnavailable where the pacer has ended.
func (s *Session) Play(remote netip.AddrPort, payloadType uint8, frames []byte, o Options) (*Playback, error) {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if !o.Held || !nowhere(remote) {
		if err := s.ports.reachable(remote); err != nil {
			return nil, fmt.Errorf("play: %w", err)
		}
	}
	p, err := newPlayback(s, remote, payloadType, frames, o)
	if err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	if err := s.claim(p); err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	if err := s.pacer.start(p); err != nil {
		return nil, err
	}
	return p, nil
}

// claim points the socket and makes p the session's playback.
func (s *Session) claim(p *Playback) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.playback != nil {
		return fmt.Errorf("%w: the session is closed or has played", avanak.ErrConflict)
	}
	if err := p.aim(); err != nil {
		return err
	}
	s.playback = p
	return nil
}

// Close stops the playback, closes the socket and lets the port rest. It may be called again.
func (s *Session) Close() {
	s.mu.Lock()
	p, closed := s.playback, s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return
	}
	if p != nil {
		p.Stop() // no send can use the descriptor after this, so its number may be given away
	}
	s.sock.close()
	s.ports.release(s.port)
}
