package media

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"

	"github.com/avanak/avanak"
)

// The static payload types of G.711, 8 kHz mono (RFC 3551 §6, table 4).
const (
	PCMU uint8 = 0 // µ-law
	PCMA uint8 = 8 // A-law
)

const (
	headerBytes = 12 // RFC 3550 §5.1, without CSRC and extension
	packetBytes = headerBytes + avanak.FrameBytes
	markerBit   = 0x80
)

// Digital silence, one frame for each law: all streams share it.
var (
	silenceALaw = bytes.Repeat([]byte{0xD5}, avanak.FrameBytes)
	silenceULaw = bytes.Repeat([]byte{0xFF}, avanak.FrameBytes)
)

// silence returns a frame of silence; ok is false for a payload type that we do not send.
func silence(payloadType uint8) (frame []byte, ok bool) {
	switch payloadType {
	case PCMA:
		return silenceALaw, true
	case PCMU:
		return silenceULaw, true
	}
	return nil, false
}

// header is the fixed RTP header of one stream, patched in place for each packet (RFC 3550 §5.1).
type header [headerBytes]byte

// newHeader makes the header of a stream's first packet. SSRC, sequence number and timestamp start at random values,
// so that they neither collide nor can be guessed (RFC 3550 §5.1).
func newHeader(payloadType uint8) header {
	var h header
	// crypto/rand.Read never fails on the systems that Go supports (it ends the process instead).
	_, _ = rand.Read(h[2:])
	h[0] = 2 << 6
	h[1] = payloadType
	return h
}

// mark sets or clears the marker bit: the first packet after silence (RFC 3551 §4.1).
func (h *header) mark(on bool) {
	h[1] &^= markerBit
	if on {
		h[1] |= markerBit
	}
}

// carry names the payload type of the packets that follow.
func (h *header) carry(payloadType uint8) { h[1] = h[1]&markerBit | payloadType }

// next moves on to the following packet. The timestamp runs 160 per frame of 20 ms.
func (h *header) next() {
	binary.BigEndian.PutUint16(h[2:], binary.BigEndian.Uint16(h[2:])+1)
	h.skip(1)
}

// skip advances the timestamp by turns in which no packet left.
func (h *header) skip(turns int) {
	//nolint:gosec // RTP timestamps wrap, by definition
	binary.BigEndian.PutUint32(h[4:], binary.BigEndian.Uint32(h[4:])+uint32(turns)*avanak.FrameBytes)
}
