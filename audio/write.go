package audio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/zaf/g711"
)

// wavHeader is the size of what WriteWAV puts before the samples: RIFF, a fmt chunk and the head of the data chunk.
const wavHeader = riffHeader + chunkHeader + fmtBase + chunkHeader

// WriteWAV writes A-law codes as a WAV file that every player opens: 8 kHz, mono, PCM of 16 bits. It returns w's error.
func WriteWAV(w io.Writer, alaw []byte) error {
	size := 2 * int64(len(alaw))
	if size > math.MaxUint32-wavHeader {
		return fmt.Errorf("write wav: %d bytes of audio do not fit into one file", size)
	}
	b := make([]byte, 0, wavHeader)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size+wavHeader-chunkHeader)) //nolint:gosec // bounded above
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, fmtBase)
	b = binary.LittleEndian.AppendUint16(b, tagPCM)
	b = binary.LittleEndian.AppendUint16(b, 1) // channel
	b = binary.LittleEndian.AppendUint32(b, outRate)
	b = binary.LittleEndian.AppendUint32(b, 2*outRate) // bytes a second
	b = binary.LittleEndian.AppendUint16(b, 2)         // bytes a sample
	b = binary.LittleEndian.AppendUint16(b, 16)        // bits a sample
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size)) //nolint:gosec // bounded above
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write wav header: %w", err)
	}
	for len(alaw) > 0 {
		n := min(len(alaw), blockBytes)
		if _, err := w.Write(g711.DecodeAlaw(alaw[:n])); err != nil {
			return fmt.Errorf("write wav samples: %w", err)
		}
		alaw = alaw[n:]
	}
	return nil
}
