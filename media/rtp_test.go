package media

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestNewHeaderIsUnguessable(t *testing.T) {
	first, second := newHeader(PCMA), newHeader(PCMA)
	require.NotEqual(t, first[8:], second[8:], "SSRC")
	require.NotEqual(t, first[2:8], second[2:8], "sequence number and timestamp")
}

func TestSilence(t *testing.T) {
	for payloadType, want := range map[uint8]byte{PCMA: 0xD5, PCMU: 0xFF} {
		frame, ok := silence(payloadType)
		require.True(t, ok)
		require.Len(t, frame, avanak.FrameBytes)
		for _, b := range frame {
			require.Equal(t, want, b)
		}
	}
	_, ok := silence(13)
	require.False(t, ok)
}

// FuzzHeader holds our 12 bytes against pion's, wrap-around included.
func FuzzHeader(f *testing.F) {
	f.Add(uint16(0), uint32(0), uint32(1), true, uint16(1))
	f.Add(uint16(math.MaxUint16), uint32(math.MaxUint32-159), uint32(math.MaxUint32), false, uint16(0))
	f.Add(uint16(math.MaxUint16-1), uint32(math.MaxUint32), uint32(0), true, uint16(math.MaxUint16))
	f.Fuzz(func(t *testing.T, sequence uint16, timestamp, ssrc uint32, marker bool, skipped uint16) {
		h := newHeader(PCMA)
		binary.BigEndian.PutUint16(h[2:], sequence)
		binary.BigEndian.PutUint32(h[4:], timestamp)
		binary.BigEndian.PutUint32(h[8:], ssrc)
		h.mark(!marker)
		h.mark(marker)
		want := rtp.Header{
			Version: 2, Marker: marker, PayloadType: PCMA, SequenceNumber: sequence, Timestamp: timestamp, SSRC: ssrc,
		}
		requireHeader(t, want, h)

		h.next()
		h.skip(int(skipped))
		want.SequenceNumber++
		want.Timestamp += avanak.FrameBytes * (1 + uint32(skipped))
		requireHeader(t, want, h)
	})
}

func requireHeader(t *testing.T, want rtp.Header, got header) {
	t.Helper()
	b, err := want.Marshal()
	require.NoError(t, err)
	require.Equal(t, b, got[:])
}
