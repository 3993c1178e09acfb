package siptest

import (
	"slices"
	"time"
)

// clockRate is that of G.711, in RTP timestamp units a second (RFC 3551 §4.5.14).
const clockRate = 8000

// Heard is what the callee's ear got: the audio packets of a call put in order.
type Heard struct {
	Payload []byte // of the audio packets in sequence order, lost ones left out
	Type    uint8  // payload type of the audio
	SSRC    uint32
	Packets int // of this SSRC, duplicates left out

	Lost          int // sequence numbers between first and last that never came
	Duplicates    int // packets whose sequence number had come before
	Reordered     int // packets that came after one with a later sequence number
	TimestampGaps int // steps to the next packet in sequence that are not the play-out time of the earlier one
	Markers       int // packets with the marker: starts of a talk spurt
	Foreign       int // packets of another SSRC than the first one's

	FirstAt time.Time     // arrival of the first packet
	LastAt  time.Time     // arrival of the last packet
	MaxGap  time.Duration // longest wait between two arrivals in a row
	Jitter  time.Duration // inter-arrival jitter at the end (RFC 3550 §6.4.1)

	breaks []int // offsets in Payload before which packets are missing
}

// Heard puts the call's packets in order. It is empty where the farm only counts.
func (c Call) Heard() Heard { return Assemble(c.Packets) }

// numbered is a packet with its sequence number unwrapped.
type numbered struct {
	Packet
	seq int64
}

// Assemble puts packets, given in order of arrival, in order of sequence. The first packet's SSRC is the stream; its
// audio is the first payload type among PCMU and PCMA. Other types (telephone-event, comfort noise) take part in the
// sequence but are not heard.
func Assemble(packets []Packet) Heard {
	var h Heard
	if len(packets) == 0 {
		return h
	}
	h.SSRC = packets[0].SSRC
	stream := h.arrivals(packets)
	slices.SortStableFunc(stream, func(a, b numbered) int { return int(a.seq - b.seq) })
	stream = slices.CompactFunc(stream, func(a, b numbered) bool { return a.seq == b.seq })
	h.Packets = len(stream)
	for i, p := range stream {
		if p.Marker {
			h.Markers++
		}
		if i > 0 {
			before := stream[i-1]
			if missing := int(p.seq - before.seq - 1); missing > 0 {
				h.Lost += missing
				h.breaks = append(h.breaks, len(h.Payload))
			} else if before.Type == h.Type && p.Type == h.Type && p.Timestamp-before.Timestamp != uint32(len(before.Payload)) {
				h.TimestampGaps++
			}
		}
		if p.Type == h.Type {
			h.Payload = append(h.Payload, p.Payload...)
		}
	}
	return h
}

// arrivals unwraps the sequence numbers of the stream's packets and measures what depends on the order of arrival.
func (h *Heard) arrivals(packets []Packet) []numbered {
	var stream []numbered
	seen := make(map[int64]bool, len(packets))
	var last, highest int64
	var jitter float64
	audio := false
	for _, p := range packets {
		if p.SSRC != h.SSRC {
			h.Foreign++
			continue
		}
		if !audio && (p.Type == PCMA || p.Type == PCMU) {
			h.Type, audio = p.Type, true
		}
		if len(stream) == 0 {
			last, h.FirstAt = int64(p.Sequence), p.At
			highest = last
		} else {
			before := stream[len(stream)-1]
			gap := p.At.Sub(before.At)
			h.MaxGap = max(h.MaxGap, gap)
			transit := gap - time.Duration(int32(p.Timestamp-before.Timestamp))*time.Second/clockRate
			jitter += (float64(transit.Abs()) - jitter) / 16
			last += int64(int16(p.Sequence - uint16(last)))
		}
		h.LastAt = p.At
		switch {
		case seen[last]:
			h.Duplicates++
		case last < highest:
			h.Reordered++
		}
		seen[last] = true
		highest = max(highest, last)
		stream = append(stream, numbered{p, last})
	}
	h.Jitter = time.Duration(jitter)
	return stream
}
