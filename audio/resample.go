package audio

import "math"

// outRate is the rate of G.711 (§2), Hz.
const outRate = 8000

// The low-pass filter: telephone speech passes (300 to 3400 Hz), everything that would fold back goes (from 4000 Hz, half
// of outRate). Kaiser's formulas ask for stopDB in both bands, so the ripple is below 0.001 dB.
const (
	passHz = 3400.0
	stopHz = 4000.0
	stopDB = 85.0
)

// maxTaps bounds the filter's table: 8 MB. Every rate with a common divisor of 25 with 8000 stays under it, which all
// usual ones do, and every integer up to 14.5 kHz.
const maxTaps = 1 << 20

// resampler brings samples to outRate by a polyphase Kaiser-windowed FIR (Crochiere and Rabiner, Multirate Digital Signal
// Processing, 1983): for each output only the taps that meet an input are computed. It streams: push, push, flush.
type resampler struct {
	up, down int // outRate/rate in lowest terms
	half     int // input samples on each side of an output
	rate     float64
	phases   [][]float64 // one row of 2·half taps per phase, made at first use

	window []float64 // input that is still needed
	at     int       // of the next output's first tap in window
	phase  int       // of the next output, 0 ≤ phase < up
	out    []float64 // what push returned last, reused
}

// newResampler makes a resampler from rate (Hz, above outRate, resamplable).
func newResampler(rate int) *resampler {
	up, half := ratio(rate)
	r := &resampler{up: up, down: rate * up / outRate, half: half, rate: float64(rate), phases: make([][]float64, up)}
	// Silence before the first sample lets the filter's centre stand on it: no delay.
	r.window = make([]float64, half-1, 2*half+blockBytes)
	return r
}

// resamplable tells whether the filter table for this rate stays within maxTaps.
func resamplable(rate int) bool {
	up, half := ratio(rate)
	return rate == outRate || up*2*half <= maxTaps
}

// ratio returns the number of phases for a rate, and the input samples on each side of an output.
func ratio(rate int) (up, half int) {
	a, b := outRate, rate
	for b != 0 {
		a, b = b, a%b
	}
	// Kaiser's estimate of the length for a transition band (Oppenheim and Schafer, Discrete-Time Signal Processing, §7.5.3).
	transition := 2 * math.Pi * (stopHz - passHz) / float64(rate)
	return outRate / a, int(math.Ceil((stopDB - 7.95) / (2.285 * transition) / 2))
}

// push takes samples and returns those that are ready, valid until the next call.
func (r *resampler) push(in []float64) []float64 {
	r.window = append(r.window, in...)
	r.out = r.out[:0]
	for r.at+2*r.half <= len(r.window) {
		if r.phases[r.phase] == nil {
			r.phases[r.phase] = r.taps(r.phase)
		}
		r.out = append(r.out, dot(r.phases[r.phase], r.window[r.at:]))
		r.phase += r.down
		r.at += r.phase / r.up
		r.phase %= r.up
	}
	kept := copy(r.window, r.window[r.at:])
	r.window, r.at = r.window[:kept], 0
	return r.out
}

// flush returns the last samples: n samples in have then become ceil(n·outRate/rate) samples out.
func (r *resampler) flush() []float64 { return r.push(make([]float64, r.half)) }

// taps computes the filter for outputs that lie phase/up input samples after an input sample.
func (r *resampler) taps(phase int) []float64 {
	var (
		row    = make([]float64, 2*r.half)
		beta   = 0.1102 * (stopDB - 8.7) // Kaiser's formula for more than 50 dB
		cutoff = (passHz + stopHz) / r.rate
		offset = float64(phase) / float64(r.up)
		sum    float64
	)
	for i := range row {
		t := float64(i-r.half+1) - offset
		x := t / float64(r.half)
		row[i] = sinc(cutoff*t) * bessel0(beta*math.Sqrt(max(0, 1-x*x)))
		sum += row[i]
	}
	for i := range row {
		row[i] /= sum // every phase passes a constant unchanged
	}
	return row
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of the first kind and order 0, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-17*sum; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}

// dot is the scalar product of taps and as many samples, in four sums so that the additions need not wait for each other.
func dot(taps, samples []float64) float64 {
	samples = samples[:len(taps)]
	var a, b, c, d float64
	i := 0
	for ; i+4 <= len(taps); i += 4 {
		a += taps[i] * samples[i]
		b += taps[i+1] * samples[i+1]
		c += taps[i+2] * samples[i+2]
		d += taps[i+3] * samples[i+3]
	}
	for ; i < len(taps); i++ {
		a += taps[i] * samples[i]
	}
	return a + b + c + d
}
