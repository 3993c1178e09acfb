package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/avanak/avanak"
)

// The file of a clip's frames: magic, payload bytes of one law (uint32, big endian), A-law payload, µ-law payload, CRC-32C
// of all that precedes (uint32, big endian). The sum tells a damaged file from audio before it reaches a callee's ear.
const (
	framesMagic  = "avkfrm1\n"
	framesHeader = len(framesMagic) + 4
	framesSum    = 4
)

// maxLaw is the payload of the longest clip in one law: 8000 bytes a second.
const maxLaw = int(avanak.MaxClip/avanak.FrameTime) * avanak.FrameBytes

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkFrames refuses frames that are not whole, not equal in both laws, none, or more than the longest clip has.
func checkFrames(f avanak.Frames) error {
	n := len(f.ALaw)
	if n == 0 || n > maxLaw || n%avanak.FrameBytes != 0 || n != len(f.ULaw) {
		return fmt.Errorf("%w frames: %d bytes A-law, %d bytes µ-law", avanak.ErrInvalid, n, len(f.ULaw))
	}
	return nil
}

// encodeFrames returns the file of the frames, without copying them.
func encodeFrames(f avanak.Frames) io.Reader {
	header := binary.BigEndian.AppendUint32([]byte(framesMagic), uint32(len(f.ALaw))) //nolint:gosec // at most maxLaw
	sum := crc32.Checksum(header, castagnoli)
	sum = crc32.Update(sum, castagnoli, f.ALaw)
	sum = crc32.Update(sum, castagnoli, f.ULaw)
	return io.MultiReader(bytes.NewReader(header), bytes.NewReader(f.ALaw), bytes.NewReader(f.ULaw),
		bytes.NewReader(binary.BigEndian.AppendUint32(nil, sum)))
}

// decodeFrames reads a file of frames. It reads no more than the longest clip takes; errors wrap avanak.ErrInvalid where the
// file is damaged.
func decodeFrames(r io.Reader) (avanak.Frames, error) {
	const limit = framesHeader + 2*maxLaw + framesSum
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return avanak.Frames{}, diskFault("read frames", err)
	}
	if len(b) > limit || len(b) < framesHeader+framesSum || string(b[:len(framesMagic)]) != framesMagic {
		return avanak.Frames{}, fmt.Errorf("%w frames: not a file of frames", avanak.ErrInvalid)
	}
	body, sum := b[:len(b)-framesSum], binary.BigEndian.Uint32(b[len(b)-framesSum:])
	n := int(binary.BigEndian.Uint32(b[len(framesMagic):]))
	if n > maxLaw || len(body) != framesHeader+2*n || crc32.Checksum(body, castagnoli) != sum {
		return avanak.Frames{}, fmt.Errorf("%w frames: file is damaged", avanak.ErrInvalid)
	}
	// The capacity ends with each law, so that an append elsewhere cannot write into the other one.
	f := avanak.Frames{ALaw: body[framesHeader : framesHeader+n : framesHeader+n], ULaw: body[framesHeader+n:]}
	return f, checkFrames(f)
}
