package audio

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	riffHeader  = 12 // "RIFF", size, "WAVE"
	chunkHeader = 8  // id, size

	// maxPreamble is the most that may stand before the audio: chunks with names, pictures, padding.
	maxPreamble = 16 << 20

	// streamedSize is where sizes of a data chunk begin that mean "unknown": SoX and espeak-ng write 0x7FFFF000 into a
	// pipe, arecord 0x80000000, ffmpeg 0xFFFFFFFF. The longest clip, 10 minutes at 192 kHz in stereo, has 0x1B774000 bytes.
	streamedSize = 0x7FFFF000
)

// header walks over the chunks in front of the audio.
type header struct {
	src  *source
	seen int64 // bytes
}

// readHeader reads up to the first sample and returns the format and the size that the data chunk claims, in bytes.
func readHeader(src *source) (Format, uint32, error) {
	h := &header{src: src}
	if err := h.riff(); err != nil {
		return Format{}, 0, err
	}
	var format Format
	for {
		id, size, err := h.chunk()
		if err != nil {
			return Format{}, 0, err
		}
		known := format != (Format{})
		switch {
		case id == "data" && known:
			return format, size, nil
		case id == "data":
			return Format{}, 0, damaged("the WAV has no fmt chunk before its audio")
		case id == "fmt " && known:
			return Format{}, 0, damaged("the WAV has two fmt chunks")
		case id == "fmt ":
			format, err = h.format(size)
		default:
			err = h.skip(id, paddedSize(size))
		}
		if err != nil {
			return Format{}, 0, err
		}
	}
}

func (h *header) riff() error {
	var b [riffHeader]byte
	n, err := h.read(b[:])
	if err != nil {
		return err
	}
	if n < len(b) || string(b[:4]) != "RIFF" || string(b[8:]) != "WAVE" {
		return sniff(b[:n])
	}
	return nil
}

// chunk reads the header of the next chunk.
func (h *header) chunk() (id string, size uint32, err error) {
	var b [chunkHeader]byte
	n, err := h.read(b[:])
	switch {
	case err != nil:
		return "", 0, err
	case n == 0:
		return "", 0, damaged("the WAV ends before its audio (it has no data chunk)")
	case n < len(b):
		return "", 0, damaged("the WAV header is cut off after %d bytes", h.seen)
	case h.seen > maxPreamble:
		return "", 0, tooMuchBefore()
	}
	return string(b[:4]), binary.LittleEndian.Uint32(b[4:]), nil
}

// format reads a fmt chunk and skips what we do not know of it.
func (h *header) format(size uint32) (Format, error) {
	b := make([]byte, min(size, fmtExtensible))
	n, err := h.read(b)
	if err != nil {
		return Format{}, err
	}
	if n < len(b) {
		return Format{}, damaged("the WAV header is cut off after %d bytes", h.seen)
	}
	format, err := parseFormat(b)
	if err != nil {
		return Format{}, err
	}
	return format, h.skip("fmt ", paddedSize(size)-int64(n))
}

// paddedSize is a chunk's size with the pad byte that follows odd ones.
func paddedSize(size uint32) int64 { return int64(size) + int64(size&1) }

// skip passes over the rest of a chunk.
func (h *header) skip(id string, size int64) error {
	if h.seen+size > maxPreamble {
		return tooMuchBefore()
	}
	n, err := io.CopyN(io.Discard, h.src, size)
	h.seen += n
	switch {
	case err == nil:
		return nil
	case h.src.err != nil:
		return fmt.Errorf("read clip: %w", h.src.err)
	}
	return damaged("the WAV ends %d bytes before its %q chunk does", size-n, id)
}

// read fills b as far as the file goes; the error is only ever the reader's own.
func (h *header) read(b []byte) (int, error) {
	n, err := io.ReadFull(h.src, b)
	h.seen += int64(n)
	if err != nil && h.src.err != nil {
		return n, fmt.Errorf("read clip: %w", h.src.err)
	}
	return n, nil
}

func tooMuchBefore() error {
	return unsupported("the WAV has more than %d MiB before its audio, or a chunk that claims so", maxPreamble>>20)
}
