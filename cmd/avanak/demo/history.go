package demo

import (
	"bytes"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

// Fast is a fast message: when the customer's request left, and what the gateway says became of it.
type Fast struct {
	Sent time.Time
	client.Message
}

// History is all there is to judge.
type History struct {
	// What the customer had and was told.
	List     List
	Receipt  client.Receipt
	Campaign client.Campaign
	Rows     []client.Row
	Fast     []Fast

	// What the callees saw, in order of arrival.
	Calls []siptest.Call

	// Golden is the clip in A-law, whole frames, made apart from the gateway.
	Golden []byte
}

// Hearing is what one answered call brought to the callee's ear, held against the golden clip.
type Hearing struct {
	Call     siptest.Call
	Number   avanak.Number // 0 where what was dialled is none
	Heard    siptest.Heard
	Lead     int       // frames of silence before the clip
	Complete bool      // nothing is missing, and the clip's number of frames stands behind the lead-in
	Exact    bool      // Complete, in the order of sending, and each frame is the clip's bit for bit
	Differs  int       // first frame of a Complete playback that is not the clip's, -1 where all are
	FirstAt  time.Time // arrival of the clip's first packet, zero where none came
}

// hearings listens to all answered calls.
func hearings(calls []siptest.Call, golden []byte) []Hearing {
	var all []Hearing
	for _, c := range calls {
		if !c.AnsweredAt.IsZero() {
			all = append(all, listen(c, golden))
		}
	}
	return all
}

// listen compares one call.
func listen(c siptest.Call, golden []byte) Hearing {
	h := Hearing{Call: c, Heard: c.Heard(), Differs: -1}
	h.Number, _ = avanak.ParseNumber(c.Number) // 0 is judged by the checks
	payload := h.Heard.Payload
	h.Lead = max(0, leading(payload)-leading(golden))
	if h.Lead < len(c.Packets) {
		h.FirstAt = c.Packets[h.Lead].At
	}
	clip := payload[h.Lead*avanak.FrameBytes:]
	if h.Heard.Lost > 0 || h.Heard.Foreign > 0 || h.Heard.Type != siptest.PCMA || len(clip) < len(golden) {
		return h
	}
	h.Complete = true
	h.Differs = firstDifference(clip, golden)
	h.Exact = h.Differs < 0 && h.Heard.Duplicates == 0 && h.Heard.Reordered == 0 &&
		h.Heard.Match(golden, avanak.FrameBytes, silence).BitExact
	return h
}

// firstDifference returns the first frame in which clip is not golden, -1 where it begins with all of golden.
func firstDifference(clip, golden []byte) int {
	const size = avanak.FrameBytes
	for at := 0; at < len(golden); at += size {
		if !bytes.Equal(clip[at:at+size], golden[at:at+size]) {
			return at / size
		}
	}
	return -1
}

var quiet = bytes.Repeat([]byte{silence}, avanak.FrameBytes)

// leading counts the whole frames of silence at the start.
func leading(payload []byte) int {
	n := 0
	for frame := payload; len(frame) >= len(quiet) && bytes.Equal(frame[:len(quiet)], quiet); n++ {
		frame = frame[len(quiet):]
	}
	return n
}
