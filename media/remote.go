package media

import (
	"fmt"
	"net/netip"

	"github.com/avanak/avanak"
)

// Retarget sends the stream to another address, as a new session description of the callee's asks, from the next frame on:
// the same SSRC, and the sequence goes on. It ends the wait of Options.SymmetricFrom, for signalling has the last word. On
// an error, which wraps avanak.ErrInvalid where remote is no media address, all stays as it was. It may be called at any
// time; after the end it does nothing.
func (p *Playback) Retarget(remote netip.AddrPort) error {
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if err := p.ports.reachable(remote); err != nil {
		return fmt.Errorf("retarget: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended { // the descriptor may belong to another call by now
		return nil
	}
	if err := p.point(remote); err != nil {
		return fmt.Errorf("retarget: %w", err)
	}
	p.learning = nil
	return nil
}

// Hold stops the stream, or lets it go on. When Hold(true) has returned, no packet leaves before Hold(false); from then on
// the next unsent frame is next, so that nothing of the clip is lost. The timestamp advances by the time held, and the
// first packet after it carries the marker (RFC 3551 §4.1). It may be called at any time, and again.
func (p *Playback) Hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = on
}

// Recode goes on in another law from the next frame on. frames are the same clip in the law of payloadType, and as long;
// else the error wraps avanak.ErrInvalid, and all stays as it was.
func (p *Playback) Recode(payloadType uint8, frames []byte) error {
	quiet, ok := silence(payloadType)
	if !ok {
		return fmt.Errorf("recode: %w: payload type %d is neither PCMU nor PCMA", avanak.ErrInvalid, payloadType)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(frames) != len(p.clip) {
		return fmt.Errorf("recode: %w: %d bytes in the place of %d", avanak.ErrInvalid, len(frames), len(p.clip))
	}
	p.clip, p.silence = frames, quiet
	p.head.carry(payloadType)
	return nil
}

// quiet tells whether nothing may leave. The caller holds mu.
func (p *Playback) quiet() bool { return p.held || nowhere(p.remote) }

// aim readies the socket before the first packet. It stays unconnected while what arrives may yet move the stream, as the
// kernel would drop what comes from elsewhere.
func (p *Playback) aim() error {
	switch {
	case nowhere(p.remote):
		return nil
	case p.learning != nil:
		p.sock.admit(p.learning.from, p.remote.Addr())
		p.dest = sockaddr(p.remote)
		return nil
	}
	return p.sock.connect(p.remote)
}

// point connects the socket to remote. The caller holds mu.
func (p *Playback) point(remote netip.AddrPort) error {
	if err := p.sock.connect(remote); err != nil {
		return err
	}
	p.remote, p.dest = remote, nil
	return nil
}

// nowhere tells an address that is none: 0.0.0.0 is how old agents spell hold (RFC 3264 §8.4).
func nowhere(remote netip.AddrPort) bool {
	return !remote.Addr().IsValid() || remote.Addr().IsUnspecified()
}

// reachable names why remote cannot be a callee's media address.
func (p *Ports) reachable(remote netip.AddrPort) error {
	a := remote.Addr()
	switch {
	case nowhere(remote) || a.IsMulticast() || a.Zone() != "" || remote.Port() == 0:
		return fmt.Errorf("%w: %s is no media address", avanak.ErrInvalid, remote)
	case a.Is4() != p.ip.Is4():
		return fmt.Errorf("%w: media address %s is not of the same family as ours, %s", avanak.ErrInvalid, remote, p.ip)
	}
	return nil
}
