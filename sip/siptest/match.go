package siptest

import "bytes"

// Match tells how a clip was heard.
type Match struct {
	Complete    bool // every frame of the clip, bit for bit, in order, from its first, without a gap
	BitExact    bool // Complete, and before and after it nothing but silence, no packet lost
	Start       int  // offset of the clip's first frame in Heard.Payload, bytes; -1 where it was not heard
	FramesHeard int  // of the clip, in a row from its first frame
}

// Match looks for a clip in what was heard. frames is the clip in the law that was heard, cut into frames of size bytes
// (whole frames); silence is the byte that lead-in and tail consist of (A-law 0xD5, µ-law 0xFF). Where silence precedes a
// clip that itself begins with silent frames, the last of them are taken for the clip's.
func (h Heard) Match(frames []byte, size int, silence byte) Match {
	none := Match{Start: -1}
	if size <= 0 || len(frames) < size || len(frames)%size != 0 {
		return none
	}
	quiet := bytes.Repeat([]byte{silence}, size)
	lead := leading(frames, quiet)
	if lead == len(frames) { // a clip of nothing but silence: any stretch of it will do
		lead = 0
	}
	sound := frames[lead : lead+size]
	best := none
	for at := lead; at+size <= len(h.Payload); at += size {
		if !bytes.Equal(h.Payload[at:at+size], sound) {
			continue
		}
		if n := h.heardFrom(at-lead, frames, size); n > best.FramesHeard {
			best = Match{Start: at - lead, FramesHeard: n, Complete: n == len(frames)/size}
		}
		if best.Complete {
			break
		}
	}
	if best.Complete {
		after := h.Payload[best.Start+len(frames):]
		best.BitExact = h.Lost == 0 && leading(h.Payload[:best.Start], quiet) == best.Start && len(after)%size == 0 &&
			leading(after, quiet) == len(after)
	}
	return best
}

// heardFrom counts the clip's frames that stand in a row from offset at, up to the first difference or gap.
func (h Heard) heardFrom(at int, frames []byte, size int) int {
	end := len(h.Payload)
	for _, b := range h.breaks {
		if b > at {
			end = min(end, b)
			break
		}
	}
	n := 0
	for from := 0; from < len(frames) && at+from+size <= end; from += size {
		if !bytes.Equal(h.Payload[at+from:at+from+size], frames[from:from+size]) {
			break
		}
		n++
	}
	return n
}

// leading is how many bytes of b are whole silent frames at its start.
func leading(b, quiet []byte) int {
	n := 0
	for n+len(quiet) <= len(b) && bytes.Equal(b[n:n+len(quiet)], quiet) {
		n += len(quiet)
	}
	return n
}
