package media

import (
	"fmt"
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
}

// Playback is one clip on its way to one callee.
type Playback struct {
	sock    socket
	clip    []byte // shared; never written
	silence []byte // shared; never written
	lead    int    // frames of silence before the clip
	total   int    // lead and clip, frames
	done    chan struct{}

	// mu is held across one send, which never waits: this is what lets Stop promise that nothing follows.
	mu     sync.Mutex
	head   header        // of the next packet; guarded by mu
	next   int           // frame to send, 0..total; guarded by mu
	due    time.Duration // when it is due, or when the last one ends; since the pacer's base; guarded by mu
	marker bool          // the next packet begins a talkspurt; guarded by mu
	ended  bool          // done is closed; guarded by mu
	stats  Stats         // guarded by mu
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
}

func newPlayback(sock socket, payloadType uint8, frames []byte, o Options) (*Playback, error) {
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
		sock: sock, clip: frames, silence: quiet, lead: lead, total: lead + len(frames)/avanak.FrameBytes,
		head: newHeader(payloadType), marker: true, done: make(chan struct{}),
	}, nil
}

// Done is closed when the last frame's 20 ms are over, so that a BYE does not cut it, or when the playback is stopped;
// Stats tells which.
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

// begin sends the first packet, at the time since the pacer's base from which all others are counted.
func (p *Playback) begin(now time.Time, at time.Duration, packet []byte, t *tally) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = at
	if !p.ended {
		p.send(now, packet, t)
	}
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
	case p.next == p.total:
		p.stats.Complete = true
		p.end()
		return 0, false
	}
	if missed := int(late / avanak.FrameTime); missed > 0 {
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
	p.head.skip(turns)
	p.due += time.Duration(turns) * avanak.FrameTime
	p.marker = true
	p.stats.Shifts++
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
	err := p.sock.send(packet)
	if err == nil {
		return true
	}
	p.stats.SendErrors++
	switch {
	case unreachable(err):
		t.unreachable++
		// That was the answer to an earlier packet; reading it has cleared it, and this packet may still leave.
		return p.sock.send(packet) == nil
	case full(err):
		t.full++
	default:
		t.other++
	}
	return false
}
