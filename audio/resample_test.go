package audio

import (
	"bytes"
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// commonRates are the rates that recorders, players and speech engines write.
var commonRates = []int{11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000}

// resampled brings samples to 8 kHz in blocks of this size.
func resampled(samples []float64, rate, block int) []float64 {
	r := newResampler(rate)
	var out []float64
	for part := range slices.Chunk(samples, block) {
		out = append(out, r.push(part)...)
	}
	return append(out, r.flush()...)
}

// middle leaves out what the clip's edges reach.
func middle(samples []float64) []float64 { return samples[len(samples)/5 : len(samples)*4/5] }

// levelAt is the amplitude and phase of a tone in samples at 8 kHz, through a Hann window so that other tones do not leak in.
func levelAt(hz float64, samples []float64, first int) complex128 {
	var sum complex128
	var weight float64
	for i, s := range samples {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(samples)))
		sum += cmplx.Rect(w*s, -2*math.Pi*hz*float64(first+i)/outRate)
		weight += w
	}
	return 2 * sum / complex(weight, 0)
}

func rms(samples []float64) float64 {
	var sum float64
	for _, s := range samples {
		sum += s * s
	}
	return math.Sqrt(sum / float64(len(samples)))
}

func db(ratio float64) float64 { return 20 * math.Log10(ratio) }

func TestSpeechBandPassesUnchanged(t *testing.T) {
	for _, rate := range commonRates {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			var highest, lowest, turn float64
			for _, hz := range []float64{300, 304, 500, 1000, 1700, 2300, 2900, 3100, 3200, 3300, 3350, 3400} {
				out := resampled(tone(hz, 16384, rate, 0.1), rate, 1000)
				level := levelAt(hz, middle(out), len(out)/5)
				gain := db(cmplx.Abs(level) / 16384)
				highest, lowest = max(highest, gain), min(lowest, gain)
				turn = max(turn, math.Abs(cmplx.Phase(level*1i))) // a sine stands at −i
			}
			require.Less(t, highest-lowest, 0.01, "ripple in dB; 0.1 is what telephony allows us")
			require.Less(t, turn, 1e-3, "phase in radians: the delay is compensated")
		})
	}
}

func TestNothingFoldsBack(t *testing.T) {
	for _, rate := range commonRates {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			worst := math.Inf(-1)
			// Close together where the stop band begins, then ever wider.
			for step := 0.0; stopHz+step < float64(rate)/2; step = 1.3*step + 20 {
				in := tone(stopHz+step, 16384, rate, 0.1)
				worst = max(worst, db(rms(middle(resampled(in, rate, 1000)))/rms(middle(in))))
			}
			require.Less(t, worst, -80.0, "dB; −70 is what we promise from 4.6 kHz on")
		})
	}
}

func TestLengthAndFirstSampleAreKept(t *testing.T) {
	for _, rate := range append([]int{8001, 8025, 9999, 22255 - 5, 191975}, commonRates...) {
		for _, n := range []int{1, 2, 79, 441, 5000} {
			in := make([]float64, n)
			in[0] = 1
			out := resampled(in, rate, 100)
			require.Len(t, out, (n*outRate+rate-1)/rate, "%d samples at %d Hz", n, rate)
			for i, s := range out[1:] {
				require.LessOrEqual(t, math.Abs(s), out[0], "sample %d: an impulse at the start of %d at %d Hz", i+1, n, rate)
			}
		}
	}
}

func TestBlockSizeDoesNotMatter(t *testing.T) {
	in := tone(1000, 10000, 44100, 0.1)
	whole := resampled(in, 44100, len(in))
	for _, block := range []int{1, 7, 440, 4096} {
		require.Equal(t, whole, resampled(in, 44100, block), "blocks of %d", block)
	}
}

func TestFilterTableIsBounded(t *testing.T) {
	for rate := MinRate + 1; rate <= MaxRate; rate++ {
		if up, half := ratio(rate); resamplable(rate) {
			require.LessOrEqual(t, up*2*half, maxTaps, "%d Hz", rate)
		} else {
			require.Greater(t, rate, 14500)
			require.NotZero(t, rate%25, "%d Hz", rate)
		}
	}
}

func TestSweepAgreesWithSox(t *testing.T) {
	const seconds, low, high = 4.0, 300.0, 3400.0
	for _, rate := range []int{11025, 16000, 22050, 44100, 48000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			in := make([]float64, int(seconds*float64(rate)))
			for i := range in {
				at := float64(i) / float64(rate)
				in[i] = math.Round(16384 * math.Sin(2*math.Pi*(low*at+(high-low)*at*at/(2*seconds))))
			}
			file := filepath.Join(t.TempDir(), "sweep.wav")
			require.NoError(t, os.WriteFile(file, wavFile(wavSpec{rate: uint32(rate), data: pcm16(rounded(in)...)}), 0o600))
			theirs := float32s(sox(t, "-D", file, "-t", "f32", "-", "rate", "-v", "8000"))
			ours := resampled(in, rate, 4096)
			require.Len(t, theirs, len(ours))
			const window = outRate / 20
			for at := window; at+2*window <= len(ours); at += window {
				a, b := ours[at:at+window], theirs[at:at+window]
				require.InDelta(t, 0, db(rms(a)/rms(b)), 0.02, "level after %d samples, dB", at)
				difference := make([]float64, window)
				for i := range a {
					difference[i] = a[i] - b[i]
				}
				require.Less(t, db(rms(difference)/rms(b)), -60.0, "difference after %d samples, dB", at)
			}
		})
	}
}

func BenchmarkIngest(b *testing.B) {
	const rate, seconds = 48000, 60
	samples := make([]int16, 0, 2*rate*seconds)
	for i, s := range rounded(tone(440, 12000, rate, seconds)) {
		samples = append(samples, s, int16(i))
	}
	file := wavFile(wavSpec{rate: rate, channels: 2, data: pcm16(samples...)})
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := Ingest(bytes.NewReader(file))
		require.NoError(b, err)
	}
}
