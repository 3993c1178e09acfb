package audio

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// wavSpec describes a WAV file for tests; zero values mean a sound mono file of PCM 16-bit at 8 kHz.
type wavSpec struct {
	tag, channels, bits, align uint16
	rate                       uint32
	data                       []byte
	size                       *uint32 // what the data chunk claims
	extension                  []byte  // after the first 16 bytes of the fmt chunk
	before, after              []byte  // chunks around the data chunk
	riff                       uint32
}

func wavFile(s wavSpec) []byte {
	if s.tag == 0 {
		s.tag = tagPCM
	}
	if s.channels == 0 {
		s.channels = 1
	}
	if s.rate == 0 {
		s.rate = 8000
	}
	if s.bits == 0 {
		s.bits = 16
		if s.tag == tagALaw || s.tag == tagULaw {
			s.bits = 8
		}
	}
	if s.align == 0 {
		s.align = s.channels * s.bits / 8
	}
	size := uint32(len(s.data))
	if s.size != nil {
		size = *s.size
	}
	var f []byte
	f = binary.LittleEndian.AppendUint16(f, s.tag)
	f = binary.LittleEndian.AppendUint16(f, s.channels)
	f = binary.LittleEndian.AppendUint32(f, s.rate)
	f = binary.LittleEndian.AppendUint32(f, s.rate*uint32(s.align))
	f = binary.LittleEndian.AppendUint16(f, s.align)
	f = binary.LittleEndian.AppendUint16(f, s.bits)
	f = append(f, s.extension...)

	b := append([]byte("RIFF"), 0, 0, 0, 0)
	b = append(b, "WAVE"...)
	b = append(b, chunkOf("fmt ", f)...)
	b = append(b, s.before...)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = append(b, s.data...)
	b = append(b, s.after...)
	if s.riff == 0 {
		s.riff = uint32(len(b) - chunkHeader)
	}
	binary.LittleEndian.PutUint32(b[4:], s.riff)
	return b
}

// chunkOf returns a chunk with its pad byte.
func chunkOf(id string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// extensible is the rest of a WAVE_FORMAT_EXTENSIBLE fmt chunk.
func extensible(valid, sub uint16) []byte {
	b := binary.LittleEndian.AppendUint16(nil, 22)
	b = binary.LittleEndian.AppendUint16(b, valid)
	b = binary.LittleEndian.AppendUint32(b, 4) // front centre
	b = binary.LittleEndian.AppendUint16(b, sub)
	return append(b, subFormatTail...)
}

// pcm16 lays out samples as little-endian bytes.
func pcm16(samples ...int16) []byte {
	b := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// tone returns seconds of a sine, amplitude on the scale of 16 bits.
func tone(hz, amplitude float64, rate int, seconds float64) []float64 {
	s := make([]float64, int(seconds*float64(rate)))
	for i := range s {
		s[i] = amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))
	}
	return s
}

func rounded(samples []float64) []int16 {
	out := make([]int16, len(samples))
	for i, s := range samples {
		out[i] = int16(math.Round(s))
	}
	return out
}

// sox runs SoX, the reference of these tests (package sox in Debian), and returns what it writes.
func sox(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, msg bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sox", args...)
	cmd.Stdout, cmd.Stderr = &out, &msg
	require.NoError(t, cmd.Run(), "sox %v (these tests need sox installed): %s", args, msg.String())
	return out.Bytes()
}

// float32s reads little-endian floats, full scale 1, onto the scale of 16 bits.
func float32s(b []byte) []float64 {
	out := make([]float64, len(b)/4)
	for i := range out {
		out[i] = 32768 * float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return out
}
