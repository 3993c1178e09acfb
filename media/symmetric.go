package media

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// SymmetricWindow is how long after Play a packet of the callee's may still move the stream; see Options.SymmetricFrom.
const SymmetricWindow = 2 * time.Second

// maxReads bounds what one turn reads of a socket that somebody floods. The smallest receive buffer holds fewer.
const maxReads = 16

// learning is the wait for the first RTP packet of a callee whose SDP may name a wrong address: it is behind a NAT that
// nobody has told it of. The stream's own turns look into the socket; no goroutine waits.
type learning struct {
	from  netip.Addr    // the only host that may move the stream
	until time.Duration // since the pacer's base
}

// newLearning returns nil where nothing is to be learned.
func newLearning(from netip.Addr, ports *Ports) *learning {
	from = from.Unmap()
	if !from.IsValid() || from.Is4() != ports.ip.Is4() {
		return nil
	}
	return &learning{from: from}
}

// begin opens the window, and drops what came before the answer: it may be another branch's early media.
func (l *learning) begin(at time.Duration, s socket, scratch []byte) {
	l.until = at + SymmetricWindow
	for range maxReads {
		if _, _, ok := s.receive(scratch); !ok {
			return
		}
	}
}

// learn looks at what has arrived, and settles where the stream goes: RTP from where we send to says that the SDP is right,
// RTP from the trusted host that it is wrong, and the end of the window that nothing will be known. What comes during a
// hold is music from who knows where, and counts for nothing. scratch is overwritten. The caller holds mu.
func (p *Playback) learn(at time.Duration, scratch []byte, t *tally) {
	if p.learning == nil {
		return
	}
	if at >= p.learning.until {
		p.settle(p.remote)
		return
	}
	for range maxReads {
		length, from, ok := p.sock.receive(scratch)
		switch {
		case !ok:
			return
		case p.held || !plausible(scratch[:min(length, len(scratch))], length):
		case from == p.remote:
			p.settle(from)
			return
		case from.Addr() == p.learning.from:
			if p.settle(from) {
				p.stats.Learned = true
				t.learned++
			}
			return
		}
	}
}

// settle ends the wait: the stream goes to remote, and the kernel drops all else. The caller holds mu.
func (p *Playback) settle(remote netip.AddrPort) bool {
	p.learning = nil
	// Where the kernel knows no way, the packets go on as before, and nobody reads what arrives.
	return !nowhere(remote) && p.point(remote) == nil
}

// Payload types that a callee of ours may send (RFC 3551 §6): G.711, comfort noise, and the dynamic ones, of which
// telephone events are.
const (
	comfortNoise = 13
	firstDynamic = 96
)

// plausible tells whether a datagram can be RTP of a callee of ours: b is its start, length all of it. RTCP on the same
// port is none (its types lie at 72 to 76 here, RFC 5761 §4).
func plausible(b []byte, length int) bool {
	if len(b) < headerBytes || b[0]>>6 != 2 {
		return false
	}
	switch kind := b[1] &^ markerBit; {
	case kind == PCMU, kind == PCMA, kind == comfortNoise, kind >= firstDynamic:
	default:
		return false
	}
	const extension = 0x10
	from := headerBytes + 4*int(b[0]&0x0f) // CSRCs
	if b[0]&extension != 0 {
		if len(b) < from+4 {
			return false
		}
		from += 4 + 4*int(binary.BigEndian.Uint16(b[from+2:]))
	}
	return length > from // a payload
}
