package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/zaf/g711"

	"github.com/avanak/avanak"
)

// blockBytes is how much of an upload is held at a time.
const blockBytes = 16 << 10

// Limits bounds a clip. The zero value means the defaults.
type Limits struct {
	Longest time.Duration // 0 means avanak.MaxClip
}

// PCM is the audio of an upload as a stream. It is read once and is not safe for concurrent use.
type PCM struct {
	Format

	src      *source
	streamed bool  // the header does not know the length
	left     int64 // bytes of audio still to come, where it does
	frames   int64 // samples of all channels read so far
	most     int64 // of frames
	longest  time.Duration
	buf      []byte
}

// Decode reads the header of a WAV file and returns its audio as a stream; it reads no further than the first sample. It
// returns a FormatError for what is not accepted, a TooLongError where the header already says so, or the reader's error.
func Decode(r io.Reader, limit Limits) (*PCM, error) {
	if limit.Longest == 0 {
		limit.Longest = avanak.MaxClip
	}
	if limit.Longest < 0 {
		return nil, fmt.Errorf("%w: longest clip must be positive, not %s", avanak.ErrInvalid, limit.Longest)
	}
	src := &source{r: r}
	format, size, err := readHeader(src)
	if err != nil {
		return nil, err
	}
	p := &PCM{Format: format, src: src, streamed: size >= streamedSize, longest: limit.Longest,
		most: int64(limit.Longest.Seconds() * float64(format.Rate)), buf: make([]byte, blockBytes)}
	if p.streamed {
		return p, nil
	}
	frames := int64(size) / int64(format.frameBytes())
	switch {
	case frames == 0:
		return nil, damaged("the WAV holds no audio")
	case frames > p.most:
		return nil, &TooLongError{Limit: p.longest}
	}
	p.left = frames * int64(format.frameBytes())
	return p, nil
}

// Read fills dst with linear samples of 16 bits, the channels interleaved, and returns how many: always whole samples of
// all channels. It returns io.EOF at the end of the audio; what follows it in the file is not read. Other errors are a
// FormatError where the file ends early, a TooLongError, or the reader's error.
func (p *PCM) Read(dst []int16) (int, error) {
	if len(dst) < p.Channels {
		return 0, io.ErrShortBuffer
	}
	b, err := p.block(len(dst) / p.Channels)
	if err != nil {
		return 0, err
	}
	n := len(b) / p.Coding.bytes()
	switch p.Coding {
	case PCM16:
		for i := range n {
			dst[i] = int16(binary.LittleEndian.Uint16(b[2*i:])) //nolint:gosec // the bits are the sample
		}
	case ALaw:
		for i, c := range b {
			dst[i] = g711.DecodeAlawFrame(c)
		}
	case ULaw:
		for i, c := range b {
			dst[i] = g711.DecodeUlawFrame(c)
		}
	}
	return n, nil
}

// block returns up to this many samples of all channels as they stand in the file, at least one; io.EOF at the end. The
// bytes are valid until the next call.
func (p *PCM) block(frames int) ([]byte, error) {
	size := p.frameBytes()
	want := min(frames, len(p.buf)/size) * size
	if !p.streamed {
		want = int(min(int64(want), p.left))
	}
	if want == 0 {
		return nil, io.EOF
	}
	n, err := io.ReadFull(p.src, p.buf[:want])
	switch {
	case err == nil:
	case p.src.err != nil:
		return nil, fmt.Errorf("read clip: %w", p.src.err)
	case !p.streamed:
		return nil, damaged("the WAV ends %d bytes before its audio does", p.left-int64(n))
	default:
		if n -= n % size; n == 0 {
			return nil, p.end()
		}
	}
	p.left -= int64(n)
	p.frames += int64(n / size)
	if p.frames > p.most {
		return nil, &TooLongError{Limit: p.longest}
	}
	return p.buf[:n], nil
}

// end judges the end of a stream of unknown length.
func (p *PCM) end() error {
	if p.frames == 0 {
		return damaged("the WAV holds no audio")
	}
	return io.EOF
}

// source remembers the reader's own fault, so that it is not taken for the end of the file: a request body that breaks
// off reports io.ErrUnexpectedEOF, as io.ReadFull does.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
