package audio

import (
	"errors"
	"io"
	"math"
	"time"

	"github.com/zaf/g711"

	"github.com/avanak/avanak"
)

// SilentDB is the PeakDB of a clip in which nothing sounds: just below the smallest sample of 16 bits.
const SilentDB = -96.0

// Encoded is a clip ready to be played, and what is worth knowing about it.
type Encoded struct {
	Frames   avanak.Frames
	Duration time.Duration // of the audio at 8 kHz, before padding to whole frames
	Source   Format        // of the upload
	PeakDB   float64       // loudest sample at 8 kHz against full scale, SilentDB..0
	Clipped  float64       // share of the samples at 8 kHz that reach full scale, 0..1
}

// Ingest reads an upload of at most avanak.MaxClip and encodes it. It returns a FormatError, a TooLongError, or the
// reader's error, wrapped. It reads no further than the last sample: who hashes the upload reads the rest.
func Ingest(r io.Reader) (*Encoded, error) { return ingest(r, Limits{}) }

func ingest(r io.Reader, limit Limits) (*Encoded, error) {
	pcm, err := Decode(r, limit)
	if err != nil {
		return nil, err
	}
	var e encoder
	if pcm.Rate == outRate && pcm.Channels == 1 && pcm.Coding != PCM16 {
		err = e.copyCodes(pcm)
	} else {
		err = e.encode(pcm)
	}
	if err != nil {
		return nil, err
	}
	return e.finish(pcm.Format), nil
}

// encoder collects both renditions of a clip.
type encoder struct {
	alaw, ulaw []byte
	peak       float64 // largest magnitude, on the scale of 16 bits
	full       int     // samples at full scale
}

// copyCodes takes the bytes of G.711 as they are; the other law follows G.711 Tables 3 and 4.
func (e *encoder) copyCodes(pcm *PCM) error {
	for {
		b, err := pcm.block(blockBytes)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range b {
			if pcm.Coding == ALaw {
				e.add(c, aToU[c], float64(g711.DecodeAlawFrame(c)))
			} else {
				e.add(uToA[c], c, float64(g711.DecodeUlawFrame(c)))
			}
		}
	}
}

// encode mixes to mono, resamples where needed, and encodes.
func (e *encoder) encode(pcm *PCM) error {
	var (
		block = make([]int16, blockBytes/2)
		mono  = make([]float64, 0, len(block))
		slow  *resampler
	)
	if pcm.Rate != outRate {
		slow = newResampler(pcm.Rate)
	}
	for {
		n, err := pcm.Read(block)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		mono = mix(mono[:0], block[:n], pcm.Channels)
		if slow == nil {
			e.addLinear(mono)
		} else {
			e.addLinear(slow.push(mono))
		}
	}
	if slow != nil {
		e.addLinear(slow.flush())
	}
	return nil
}

// mix appends the mean of the channels to mono.
func mix(mono []float64, block []int16, channels int) []float64 {
	if channels == 1 {
		for _, s := range block {
			mono = append(mono, float64(s))
		}
		return mono
	}
	for i := 0; i+1 < len(block); i += 2 {
		mono = append(mono, (float64(block[i])+float64(block[i+1]))/2)
	}
	return mono
}

func (e *encoder) addLinear(samples []float64) {
	for _, s := range samples {
		e.add(encodeALaw(s), encodeULaw(s), s)
	}
}

// add takes one sample in both laws; linear is its value on the scale of 16 bits.
func (e *encoder) add(alaw, ulaw byte, linear float64) {
	e.alaw, e.ulaw = append(e.alaw, alaw), append(e.ulaw, ulaw)
	size := math.Abs(linear)
	e.peak = max(e.peak, size)
	if size >= math.MaxInt16 {
		e.full++
	}
}

func (e *encoder) finish(source Format) *Encoded {
	n := len(e.alaw)
	peak := SilentDB
	if e.peak > 0 {
		peak = min(max(20*math.Log10(e.peak/-math.MinInt16), SilentDB), 0)
	}
	return &Encoded{
		Frames:   avanak.Frames{ALaw: padded(e.alaw, silenceALaw), ULaw: padded(e.ulaw, silenceULaw)},
		Duration: time.Duration(n) * (time.Second / outRate),
		Source:   source,
		PeakDB:   peak,
		Clipped:  float64(e.full) / float64(n),
	}
}

// padded copies codes into a slice of their own size, rounded up to whole frames.
func padded(codes []byte, silence byte) []byte {
	frames := (len(codes) + avanak.FrameBytes - 1) / avanak.FrameBytes
	out := make([]byte, frames*avanak.FrameBytes)
	for i := copy(out, codes); i < len(out); i++ {
		out[i] = silence
	}
	return out
}
