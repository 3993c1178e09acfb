package demo

import (
	"bytes"
	_ "embed" // the clip

	"github.com/avanak/avanak"
)

// speech is the clip that is uploaded, a WAV file with 16-bit samples at 8 kHz behind wavHead bytes.
//
//go:embed testdata/speech-8k.wav
var speech []byte

// speechALaw is the clip in A-law by sox.
//
//go:embed testdata/speech-8k.al
var speechALaw []byte

// wavHead is the size of a plain WAV file's header, as sox and package audio write it.
const wavHead = 44

// silence is the A-law code of nothing.
const silence = 0xD5

// golden returns the frames that a callee must hear: sox's A-law, the last frame filled up with silence.
func golden() []byte {
	missing := (avanak.FrameBytes - len(speechALaw)%avanak.FrameBytes) % avanak.FrameBytes
	return append(bytes.Clone(speechALaw), bytes.Repeat([]byte{silence}, missing)...)
}
