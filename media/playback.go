package media

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/avanak/avanak"
)

// Bounds of the silence before the clip.
const (
	// DefaultLeadIn covers the instants that carriers cut off and the hand's way to the ear.
	DefaultLeadIn = 500 * time.Millisecond
	// MaxLeadIn is the longest silence that is not taken for a dead call.
	MaxLeadIn = 10 * time.Second
	// NoLeadIn plays the clip from the first packet.
	NoLeadIn time.Duration = -1
)

// Options are what a caller may ask of one playback.
type Options struct {
	// LeadIn is the silence before the clip, in whole frames of 20 ms, rounded up; 0 means DefaultLeadIn.
	LeadIn time.Duration
	// Held begins on hold: nothing leaves before Hold(false). The address of a held playback may be unspecified (0.0.0.0, or
	// the zero value); Retarget gives it one.
	Held bool
	// SymmetricFrom, where valid, lets the callee's first RTP packet from this host, of whatever port, move the stream to
	// where that came from: once, within SymmetricWindow of Play. It is ignored where it is not of our address family.
	SymmetricFrom netip.Addr
}

// Playback is one clip on its way to one callee.
type Playback struct {
	sock  socket
	ports *Ports
	lead  int // frames of silence before the clip
	total int // lead and clip, frames
	done  chan struct{}

	// mu is held across one send, which never waits: this is what lets Stop promise that nothing follows.
	mu       sync.Mutex
	clip     []byte         // shared, its bytes never written; guarded by mu
	silence  []byte         // shared, its bytes never written; guarded by mu
	head     header         // of the next packet; guarded by mu
	next     int            // frame to send, 0..total; guarded by mu
	due      time.Duration  // when it is due, or when the last one ends; since the pacer's base; guarded by mu
	marker   bool           // the next packet begins a talkspurt; guarded by mu
	held     bool           // guarded by mu
	ended    bool           // done is closed; guarded by mu
	remote   netip.AddrPort // where packets go; unspecified: nowhere yet; guarded by mu
	dest     destination    // the same while the socket is not connected, else nil; guarded by mu
	learning *learning      // nil where nothing that arrives counts; guarded by mu
	stats    Stats          // guarded by mu
}

// Stats is what became of a playback so far. Instants are zero until they are reached, and carry the monotonic clock.
type Stats struct {
	FirstRTP   time.Time // first packet
	FirstClip  time.Time // first packet of the clip
	Last       time.Time // latest packet
	Frames     int       // frames of the clip that left
	Shifts     int       // times that the stream was moved back after a stall of 20 ms or more
	SendErrors int       // sends that the kernel refused; ICMP answers to earlier packets are among them
	Complete   bool      // the clip's last frame had its 20 ms
	Learned    bool      // the stream moved to where the callee's RTP came from (Options.SymmetricFrom)
}

func newPlayback(s *Session, remote netip.AddrPort, payloadType uint8, frames []byte, o Options) (*Playback, error) {
	quiet, ok := silence(payloadType)
	if !ok {
		return nil, fmt.Errorf("%w: payload type %d is neither PCMU nor PCMA", avanak.ErrInvalid, payloadType)
	}
	if len(frames) == 0 || len(frames)%avanak.FrameBytes != 0 {
		return nil, fmt.Errorf("%w: %d bytes are not whole frames of %d", avanak.ErrInvalid, len(frames), avanak.FrameBytes)
	}
	if o.LeadIn > MaxLeadIn {
		return nil, fmt.Errorf("%w: lead-in %s is over %s", avanak.ErrInvalid, o.LeadIn, MaxLeadIn)
	}
	if o.LeadIn == 0 {
		o.LeadIn = DefaultLeadIn
	}
	lead := int((max(o.LeadIn, 0) + avanak.FrameTime - 1) / avanak.FrameTime)
	return &Playback{
		sock: s.sock, ports: s.ports, clip: frames, silence: quiet, lead: lead, total: lead + len(frames)/avanak.FrameBytes,
		head: newHeader(payloadType), marker: true, done: make(chan struct{}), held: o.Held, remote: remote,
		learning: newLearning(o.SymmetricFrom, s.ports),
	}, nil
}

// Done is closed when the last frame's 20 ms are over, so that a BYE does not cut it, or when the playback is stopped;
// Stats tells which. A playback that is held with frames left does not end by itself.
func (p *Playback) Done() <-chan struct{} { return p.done }

// Stop ends the playback. When it returns, no further packet leaves. It may be called at any time, and again.
func (p *Playback) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

// Stats returns what became of the playback so far.
func (p *Playback) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// end closes done once. The caller holds mu.
func (p *Playback) end() {
	if !p.ended {
		p.ended = true
		close(p.done)
	}
}

// begin sends the first packet, unless it is held, at the time since the pacer's base from which all others are counted.
func (p *Playback) begin(now time.Time, at time.Duration, packet []byte, t *tally) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = at
	switch {
	case p.ended:
		return
	case p.learning != nil:
		p.learning.begin(at, p.sock, packet)
	}
	if p.quiet() {
		p.pass(1)
		return
	}
	p.send(now, packet, t)
}

// turn sends the frame that is due, or ends the playback where its last frame has passed. It returns how late the
// frame was, and whether the stream stays on the wheel.
func (p *Playback) turn(now time.Time, at time.Duration, packet []byte, t *tally) (late time.Duration, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	late = at - p.due
	switch {
	case p.ended:
		return 0, false
	case late < 0:
		return 0, true
	case p.next == p.total: // on hold or not: all has left
		p.stats.Complete = true
		p.end()
		return 0, false
	}
	p.learn(at, packet, t)
	missed := int(late / avanak.FrameTime)
	if p.quiet() {
		p.pass(missed + 1)
		return 0, true
	}
	if missed > 0 {
		p.shift(missed)
		if late > maxShift {
			t.stalls++
		}
	}
	p.send(now, packet, t)
	return late, true
}

// shift moves the stream back by whole turns, so that it keeps its slot. The caller holds mu.
func (p *Playback) shift(turns int) {
	p.pass(turns)
	p.stats.Shifts++
}

// pass lets turns go by in which nothing leaves: the timestamp is that of the time (RFC 3550 §5.1). The caller holds mu.
func (p *Playback) pass(turns int) {
	p.head.skip(turns)
	p.due += time.Duration(turns) * avanak.FrameTime
	p.marker = true
}

// send gives the next frame to the kernel. The caller holds mu.
func (p *Playback) send(now time.Time, packet []byte, t *tally) {
	frame, ofClip := p.silence, p.next >= p.lead
	if ofClip {
		first := (p.next - p.lead) * avanak.FrameBytes
		frame = p.clip[first : first+avanak.FrameBytes]
	}
	p.head.mark(p.marker)
	copy(packet, p.head[:])
	copy(packet[headerBytes:], frame)

	if p.transmit(packet, t) {
		t.packets++
		p.marker = false
		p.stats.Last = now
		if p.stats.FirstRTP.IsZero() {
			p.stats.FirstRTP = now
		}
		if ofClip {
			p.stats.Frames++
			if p.stats.FirstClip.IsZero() {
				p.stats.FirstClip = now
			}
		}
	}
	p.head.next()
	p.next++
	p.due += avanak.FrameTime
}

// transmit tells whether the kernel took the packet. The caller holds mu.
func (p *Playback) transmit(packet []byte, t *tally) bool {
	err := p.put(packet)
	if err == nil {
		return true
	}
	p.stats.SendErrors++
	switch {
	case unreachable(err):
		t.unreachable++
		// That was the answer to an earlier packet; reading it has cleared it, and this packet may still leave.
		return p.put(packet) == nil
	case full(err):
		t.full++
	default:
		t.other++
	}
	return false
}

func (p *Playback) put(packet []byte) error {
	if p.dest != nil {
		return p.sock.sendTo(packet, p.dest)
	}
	return p.sock.send(packet)
}
