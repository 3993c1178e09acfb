package e2e

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/audio"
)

// The tone that is played: a frequency that no ringback or busy tone has.
const (
	rate      = 8000 // samples a second
	frequency = 1000 // Hz
)

// tone is a clip of one steady tone, made by SoX and read as an upload would be.
func tone(t *testing.T, length time.Duration) avanak.Frames {
	t.Helper()
	wav := sox(t, "-n", "-r", "8000", "-b", "16", "-c", "1", "-t", "wav", "-", "synth", length.String()[:len(length.String())-1],
		"sine", "1000", "vol", "0.5")
	clip, err := audio.Ingest(bytes.NewReader(wav))
	require.NoError(t, err)
	require.Equal(t, length, clip.Duration)
	return clip.Frames
}

// recorded reads a recording with SoX: it is not for our own reader to judge.
func recorded(t *testing.T, file string) []float64 {
	t.Helper()
	raw := sox(t, file, "-t", "raw", "-r", "8000", "-e", "signed-integer", "-b", "16", "-L", "-c", "1", "-")
	samples := make([]float64, len(raw)/2)
	for i := range samples {
		samples[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:])))
	}
	return samples
}

func sox(t *testing.T, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("sox")
	require.NoError(t, err, "sox is missing: run make deps")
	var complaint bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	require.NoError(t, err, complaint.String())
	return out
}

// sounding cuts the silence before and after off: what is left begins and ends with a sample that can be heard.
func sounding(samples []float64) []float64 {
	const audible = 1000 // 30 dB below full scale
	from, to := 0, len(samples)
	for from < to && math.Abs(samples[from]) < audible {
		from++
	}
	for to > from && math.Abs(samples[to-1]) < audible {
		to--
	}
	return samples[from:to]
}

// share tells how much of the samples' energy is at a frequency, 0..1: the Goertzel filter's power over all, block by
// block, so that a slip of the phase (a lost packet, another clock) does not cancel out.
func share(samples []float64, hz float64) float64 {
	const block = 400 // 50 ms: whole periods of 1 kHz
	var at, all float64
	for len(samples) >= block {
		w := 2 * math.Cos(2*math.Pi*hz/rate)
		var s1, s2 float64
		for _, x := range samples[:block] {
			s1, s2 = x+w*s1-s2, s1
			all += x * x
		}
		at += (s1*s1 + s2*s2 - w*s1*s2) * 2 / block
		samples = samples[block:]
	}
	if all == 0 {
		return 0
	}
	return at / all
}

func TestShareTellsATone(t *testing.T) {
	sine := func(hz float64) []float64 {
		s := make([]float64, rate)
		for i := range s {
			s[i] = 8000 * math.Sin(2*math.Pi*hz*float64(i)/rate)
		}
		return s
	}
	require.InDelta(t, 1, share(sine(frequency), frequency), 0.001)
	require.Less(t, share(sine(425), frequency), 0.05, "a ringback tone")
	require.Zero(t, share(make([]float64, rate), frequency))
	require.InDelta(t, rate, len(sounding(append(make([]float64, rate), sine(frequency)...))), 2)
}
