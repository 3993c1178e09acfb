package queue

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

const (
	numberBytes = 8
	resultBytes = 16
)

// packResult writes a result as it stands in the campaign's array:
//
//	 0        1           3       4               8          10         12         14       15
//	+--------+-----------+-------+---------------+----------+----------+----------+--------+--------+
//	| outcome| SIP status| Q.850 | start, Unix s | ring, ds | talk, ds | play, ds | 0      | uncharg|
//	+--------+-----------+-------+---------------+----------+----------+----------+--------+--------+
//
// big endian; times over 6553.5 s are cut to that. The low nibble of byte 15 belongs to the scripts.
func packResult(r avanak.Result) []byte {
	b := make([]byte, resultBytes)
	b[0] = byte(r.Outcome)
	binary.BigEndian.PutUint16(b[1:], clip16(r.SIP))
	b[3] = byte(max(0, min(r.Cause, 255)))
	if !r.Started.IsZero() {
		binary.BigEndian.PutUint32(b[4:], uint32(r.Started.Unix())) //nolint:gosec // good until 2106
	}
	binary.BigEndian.PutUint16(b[8:], deciseconds(r.Ring))
	binary.BigEndian.PutUint16(b[10:], deciseconds(r.Talk))
	binary.BigEndian.PutUint16(b[12:], deciseconds(r.Played))
	return b
}

// unpackResult reads what packResult wrote.
func unpackResult(b []byte) (avanak.Result, error) {
	if len(b) != resultBytes {
		return avanak.Result{}, fmt.Errorf("result record has %d bytes, want %d", len(b), resultBytes)
	}
	r := avanak.Result{
		Outcome: avanak.Outcome(b[0]),
		SIP:     int(binary.BigEndian.Uint16(b[1:])),
		Cause:   int(b[3]),
		Ring:    time.Duration(binary.BigEndian.Uint16(b[8:])) * 100 * time.Millisecond,
		Talk:    time.Duration(binary.BigEndian.Uint16(b[10:])) * 100 * time.Millisecond,
		Played:  time.Duration(binary.BigEndian.Uint16(b[12:])) * 100 * time.Millisecond,
	}
	if s := binary.BigEndian.Uint32(b[4:]); s != 0 {
		r.Started = time.Unix(int64(s), 0).UTC()
	}
	return r, nil
}

func clip16(n int) uint16 { return uint16(max(0, min(n, 1<<16-1))) } //nolint:gosec // clipped

func deciseconds(d time.Duration) uint16 {
	return clip16(int(d.Round(100*time.Millisecond) / (100 * time.Millisecond)))
}

// packNumbers writes numbers as they stand in the campaign's array.
func packNumbers(numbers []avanak.Number) []byte {
	b := make([]byte, 0, len(numbers)*numberBytes)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func packStates(states []avanak.State) []byte {
	b := make([]byte, len(states))
	for i, s := range states {
		b[i] = byte(s)
	}
	return b
}
