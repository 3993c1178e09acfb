package audio

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// golden reads a file of testdata; its README says how each was made.
func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

// withSilence pads codes to whole frames.
func withSilence(codes []byte, silence byte) []byte {
	codes = bytes.Clone(codes)
	for len(codes)%avanak.FrameBytes != 0 {
		codes = append(codes, silence)
	}
	return codes
}

func TestIngestEqualsSox(t *testing.T) {
	for _, c := range []struct{ upload, alaw, ulaw string }{
		{"mono.wav", "mono.al", "mono.ul"},
		{"stereo.wav", "stereo.al", "stereo.ul"},
		{"streamed.wav", "mono.al", "mono.ul"},
		{"alaw.wav", "mono.al", ""},
		{"ulaw.wav", "", "mono.ul"},
		{"speech-8k.wav", "speech-8k.al", ""},
	} {
		t.Run(c.upload, func(t *testing.T) {
			e, err := Ingest(bytes.NewReader(golden(t, c.upload)))
			require.NoError(t, err)
			require.Len(t, e.Frames.ULaw, len(e.Frames.ALaw))
			if c.alaw != "" {
				codes := golden(t, c.alaw)
				require.Equal(t, withSilence(codes, 0xD5), e.Frames.ALaw)
				require.Equal(t, time.Duration(len(codes))*125*time.Microsecond, e.Duration)
			}
			if c.ulaw != "" {
				require.Equal(t, withSilence(golden(t, c.ulaw), 0xFF), e.Frames.ULaw)
			}
		})
	}
}

func TestResampledSpeechIsAsCloseToSoxAsG711Allows(t *testing.T) {
	e, err := Ingest(bytes.NewReader(golden(t, "speech.wav")))
	require.NoError(t, err)
	require.Equal(t, Format{Coding: PCM16, Rate: 22050, Channels: 1}, e.Source)
	theirs, ours := DecodeALaw(golden(t, "speech.al")), DecodeALaw(e.Frames.ALaw)
	require.Equal(t, time.Duration(len(theirs))*125*time.Microsecond, e.Duration)
	var signal, difference float64
	for i, s := range theirs {
		signal += float64(s) * float64(s)
		difference += math.Pow(float64(s)-float64(ours[i]), 2)
	}
	// A-law itself keeps 38 dB; SoX's filter passes more of 3.4 to 4 kHz, where hisses live.
	require.Greater(t, db(math.Sqrt(signal/difference)), 25.0, "dB")
}

func TestG711KeepsItsBytes(t *testing.T) {
	var every []byte
	for c := range 256 {
		every = append(every, byte(c))
	}
	a, err := Ingest(bytes.NewReader(wavFile(wavSpec{tag: tagALaw, data: every})))
	require.NoError(t, err)
	require.Equal(t, withSilence(every, silenceALaw), a.Frames.ALaw)
	u, err := Ingest(bytes.NewReader(wavFile(wavSpec{tag: tagULaw, data: every})))
	require.NoError(t, err)
	require.Equal(t, withSilence(every, silenceULaw), u.Frames.ULaw)
	for c := range 256 {
		require.Equal(t, aToU[c], a.Frames.ULaw[c], "A-law %#x", c)
		require.Equal(t, uToA[c], u.Frames.ALaw[c], "µ-law %#x", c)
	}
	for _, e := range []*Encoded{a, u} {
		require.Len(t, e.Frames.ALaw, 2*avanak.FrameBytes)
		require.EqualValues(t, silenceALaw, e.Frames.ALaw[319])
		require.EqualValues(t, silenceULaw, e.Frames.ULaw[319])
	}
}

func TestWholeFramesGetNoPadding(t *testing.T) {
	for samples, frames := range map[int]int{1: 1, 159: 1, 160: 1, 161: 2, 320: 2} {
		e, err := Ingest(bytes.NewReader(wavFile(wavSpec{data: make([]byte, 2*samples)})))
		require.NoError(t, err)
		require.Equal(t, frames, e.Frames.Count())
		require.Equal(t, time.Duration(samples)*125*time.Microsecond, e.Duration)
		require.Equal(t, bytes.Repeat([]byte{silenceALaw}, 160*frames), e.Frames.ALaw)
		require.Equal(t, bytes.Repeat([]byte{silenceULaw}, 160*frames), e.Frames.ULaw)
	}
}

func TestEveryRateAndCodingGivesTheSameTone(t *testing.T) {
	const hz, amplitude = 1000, 8000
	for _, rate := range append([]int{8000}, commonRates...) {
		for _, channels := range []uint16{1, 2} {
			var samples []int16
			for _, s := range rounded(tone(hz, amplitude, rate, 0.2)) {
				for range channels {
					samples = append(samples, s)
				}
			}
			e, err := Ingest(bytes.NewReader(wavFile(wavSpec{rate: uint32(rate), channels: channels, data: pcm16(samples...)})))
			require.NoError(t, err)
			require.Equal(t, 200*time.Millisecond, e.Duration)
			require.InDelta(t, db(amplitude/32768.0), e.PeakDB, 0.3)
			out := make([]float64, 0, 1600)
			for _, s := range DecodeALaw(e.Frames.ALaw) {
				out = append(out, float64(s))
			}
			require.InDelta(t, amplitude/math.Sqrt2, rms(middle(out)), amplitude*0.01, "%d Hz, %d channels", rate, channels)
		}
	}
}

func TestPeakAndClipping(t *testing.T) {
	for _, c := range []struct {
		name          string
		file          []byte
		peak, clipped float64
	}{
		{"silence", wavFile(wavSpec{data: make([]byte, 400)}), SilentDB, 0},
		{"half", wavFile(wavSpec{data: pcm16(0, -16384, 100)}), -6.02, 0},
		{"full", wavFile(wavSpec{data: pcm16(32767, -32768, 0, 100)}), 0, 0.5},
		{"opposite channels", wavFile(wavSpec{channels: 2, data: pcm16(9000, -9000)}), SilentDB, 0},
		{"A-law", wavFile(wavSpec{tag: tagALaw, data: []byte{0xAA}}), -0.14, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := Ingest(bytes.NewReader(c.file))
			require.NoError(t, err)
			require.InDelta(t, c.peak, e.PeakDB, 0.01)
			require.InDelta(t, c.clipped, e.Clipped, 1e-9)
		})
	}
}

func TestIngestDoesNotDependOnHowTheUploadArrives(t *testing.T) {
	file := golden(t, "stereo.wav")
	whole, err := Ingest(bytes.NewReader(file))
	require.NoError(t, err)
	for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(file)), iotest.HalfReader(bytes.NewReader(file)),
		iotest.DataErrReader(bytes.NewReader(file))} {
		e, err := Ingest(r)
		require.NoError(t, err)
		require.Equal(t, whole, e)
	}
}

func TestWhatFollowsTheAudioIsLeftUnread(t *testing.T) {
	tail := chunkOf("LIST", []byte("who made this"))
	r := bytes.NewReader(wavFile(wavSpec{data: make([]byte, 320), after: tail}))
	_, err := Ingest(r)
	require.NoError(t, err)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, tail, rest)
}

func TestWrittenWAVIsReadBackByUsAndSox(t *testing.T) {
	for _, codes := range [][]byte{golden(t, "speech-8k.al"), {0x2A}, {}} {
		var file bytes.Buffer
		require.NoError(t, WriteWAV(&file, codes))
		if len(codes) == 0 {
			require.Equal(t, wavHeader, file.Len())
			continue
		}
		p, samples := samplesOf(t, file.Bytes())
		require.Equal(t, Format{Coding: PCM16, Rate: 8000, Channels: 1}, p.Format)
		require.Equal(t, DecodeALaw(codes), samples)

		name := filepath.Join(t.TempDir(), "heard.wav")
		require.NoError(t, os.WriteFile(name, file.Bytes(), 0o600))
		require.Equal(t, codes, sox(t, "-D", name, "-t", "al", "-"))
	}
}

func TestWrittenWAVIsWhatSoxWrites(t *testing.T) {
	codes := filepath.Join("testdata", "speech-8k.al")
	name := filepath.Join(t.TempDir(), "sox.wav")
	sox(t, "-D", "-r", "8000", "-c", "1", codes, "-e", "signed-integer", "-b", "16", name)
	theirs, err := os.ReadFile(name)
	require.NoError(t, err)
	var ours bytes.Buffer
	require.NoError(t, WriteWAV(&ours, golden(t, "speech-8k.al")))
	require.Equal(t, theirs, ours.Bytes())
}

// full is a writer that takes this many writes.
type full int

func (f *full) Write(b []byte) (int, error) {
	if *f--; *f < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestWriteWAVReportsTheWritersError(t *testing.T) {
	for room := range 2 {
		f := full(room)
		require.ErrorIs(t, WriteWAV(&f, []byte{0xD5}), io.ErrShortWrite)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []wavSpec{
		{data: pcm16(1, 2, 3)}, {tag: tagALaw, data: []byte{1, 2, 3}}, {tag: tagULaw, channels: 2, data: []byte{1, 2, 3, 4}},
		{rate: 44100, channels: 2, data: make([]byte, 4000)}, {rate: 11127, data: make([]byte, 400)},
		{tag: tagExtensible, extension: extensible(16, tagPCM), data: pcm16(5)}, {size: new(uint32(0xFFFFFFFF)), data: pcm16(7)},
		{before: chunkOf("LIST", []byte("odd")), data: pcm16(9), size: new(uint32(1 << 20))},
	} {
		f.Add(wavFile(s))
	}
	f.Add([]byte("ID3\x04"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		e, err := Ingest(bytes.NewReader(file))
		if err != nil {
			require.ErrorIs(t, err, avanak.ErrInvalid)
			if format, ok := errors.AsType[*FormatError](err); ok {
				require.NotEmpty(t, format.Reason)
				require.NotEmpty(t, format.Fix)
			}
			return
		}
		require.Len(t, e.Frames.ULaw, len(e.Frames.ALaw))
		require.Zero(t, len(e.Frames.ALaw)%avanak.FrameBytes)
		require.Positive(t, e.Frames.Count())
		require.Less(t, len(e.Frames.ALaw), len(file)+avanak.FrameBytes)
		require.Positive(t, e.Duration)
		require.LessOrEqual(t, e.Duration, e.Frames.Duration())
		require.Less(t, e.Frames.Duration()-e.Duration, avanak.FrameTime)
		require.True(t, e.PeakDB >= SilentDB && e.PeakDB <= 0, "%g", e.PeakDB)
		require.True(t, e.Clipped >= 0 && e.Clipped <= 1, "%g", e.Clipped)
	})
}
