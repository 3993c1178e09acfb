package audio

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zaf/g711"
)

// segment is one row of G.711 Table 1a or 2a: how many intervals of which size.
type segment struct{ intervals, size int }

// law is one of G.711's laws as its tables define it, for magnitudes in uniform values.
type law struct {
	decisions []float64 // x₁ … x₁₂₈, where the intervals begin
	quantized []float64 // what each interval is decoded to
	scale     float64   // of 16 bits per uniform value
	bits      int       // of the uniform code
	invert    byte      // the bits that the character signal inverts, for a positive value
}

func newLaw(scale float64, bits int, invert byte, segments []segment) law {
	l := law{scale: scale, bits: bits, invert: invert}
	start := 0.0
	for _, s := range segments {
		for range s.intervals {
			l.decisions = append(l.decisions, start)
			l.quantized = append(l.quantized, start+float64(s.size)/2)
			start += float64(s.size)
		}
	}
	return l
}

// tableA is G.711 Table 1a.
func tableA() law {
	return newLaw(8, 13, 0x55, []segment{{32, 2}, {16, 4}, {16, 8}, {16, 16}, {16, 32}, {16, 64}, {16, 128}})
}

// tableU is G.711 Table 2a. The innermost interval holds both signs of zero and is decoded to it.
func tableU() law {
	l := newLaw(4, 14, 0x7F, []segment{{1, 1}, {15, 2}, {16, 4}, {16, 8}, {16, 16}, {16, 32}, {16, 64}, {16, 128}, {16, 256}})
	l.quantized[0] = 0
	return l
}

// code returns the character signal of a uniform value. tieUp tells whether a negative value on a decision value takes the
// interval further from zero, as positive ones do.
func (l law) code(x float64, tieUp bool) byte {
	number := 0
	for n, d := range l.decisions {
		if m := math.Abs(x); m > d || (m == d && (x >= 0 || tieUp)) {
			number = n
		}
	}
	c := byte(number) ^ l.invert
	if x >= 0 {
		c |= 0x80
	}
	return c
}

// nearest rounds a sample of 16 bits to a uniform value, halves up.
func (l law) nearest(sample int16) float64 {
	top := math.Pow(2, float64(l.bits-1))
	return min(max(math.Floor(float64(sample)/l.scale+0.5), -top), top-1)
}

func everySample(visit func(s int16)) {
	for s := math.MinInt16; s <= math.MaxInt16; s++ {
		visit(int16(s))
	}
}

func TestTheLibraryCutsAsG191Does(t *testing.T) {
	a, u := tableA(), tableU()
	everySample(func(s int16) {
		require.Equal(t, a.code(float64(s)/a.scale, false), g711.EncodeAlawFrame(s), "A-law of %d", s)
		require.Equal(t, u.code(float64(s)/u.scale, false), g711.EncodeUlawFrame(s), "µ-law of %d", s)
	})
}

func TestEncodingFollowsG711OnNearestUniformValues(t *testing.T) {
	a, u := tableA(), tableU()
	everySample(func(s int16) {
		require.Equal(t, a.code(a.nearest(s), false), encodeALaw(float64(s)), "A-law of %d", s)
		require.Equal(t, u.code(u.nearest(s), true), encodeULaw(float64(s)), "µ-law of %d", s)
	})
}

func TestUniformValuesOfALawAreEncodedAsTheLibraryDoes(t *testing.T) {
	everySample(func(s int16) {
		if s%8 == 0 {
			require.Equal(t, g711.EncodeAlawFrame(s), encodeALaw(float64(s)), "A-law of %d", s)
		}
	})
}

func TestEncodingEqualsSoxOnEverySample(t *testing.T) {
	var pcm, alaw, ulaw []byte
	everySample(func(s int16) {
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(s))
		alaw = append(alaw, encodeALaw(float64(s)))
		ulaw = append(ulaw, encodeULaw(float64(s)))
	})
	in := filepath.Join(t.TempDir(), "all.wav")
	require.NoError(t, os.WriteFile(in, wavFile(wavSpec{data: pcm}), 0o600))
	require.Equal(t, sox(t, "-D", in, "-t", "al", "-"), alaw)
	require.Equal(t, sox(t, "-D", in, "-t", "ul", "-"), ulaw)

	cutA, cutU := 0, 0 // the figures in doc.go
	everySample(func(s int16) {
		i := int(s) - math.MinInt16
		if g711.EncodeAlawFrame(s) != alaw[i] {
			cutA++
		}
		if g711.EncodeUlawFrame(s) != ulaw[i] {
			cutU++
		}
	})
	require.Equal(t, []int{1020, 510}, []int{cutA, cutU})
}

func TestHostileSamplesSaturate(t *testing.T) {
	for _, c := range []struct {
		sample     float64
		alaw, ulaw byte
	}{
		{40000, 0xAA, 0x80}, {-40000, 0x2A, 0x00}, {1e300, 0xAA, 0x80}, {-1e300, 0x2A, 0x00}, {0, 0xD5, 0xFF},
	} {
		require.Equal(t, c.alaw, encodeALaw(c.sample), "%g", c.sample)
		require.Equal(t, c.ulaw, encodeULaw(c.sample), "%g", c.sample)
	}
}

func TestDecodingFollowsG711(t *testing.T) {
	a, u := tableA(), tableU()
	for n := range 128 {
		for _, sign := range []struct {
			bit    byte
			factor float64
		}{{0x80, 1}, {0, -1}} {
			ca, cu := byte(n)^a.invert|sign.bit, byte(n)^u.invert|sign.bit
			require.Equal(t, []int16{int16(sign.factor * a.quantized[n] * a.scale)}, DecodeALaw([]byte{ca}), "A-law %#x", ca)
			require.Equal(t, int16(sign.factor*u.quantized[n]*u.scale), g711.DecodeUlawFrame(cu), "µ-law %#x", cu)
			require.Equal(t, ca, encodeALaw(float64(g711.DecodeAlawFrame(ca))), "A-law %#x comes back", ca)
		}
	}
}

// decoded returns the magnitude of interval n of a law on the scale of 16 bits.
func (l law) decoded(n int) float64 { return l.quantized[n] * l.scale }

// closest returns the interval of l whose level is closest to a value.
func (l law) closest(value float64) int {
	best := 0
	for n := range l.quantized {
		if math.Abs(l.decoded(n)-value) < math.Abs(l.decoded(best)-value) {
			best = n
		}
	}
	return best
}

func TestLawToLawKeepsTheLevel(t *testing.T) {
	a, u := tableA(), tableU()
	// The same level in dBm0: A-law's 4096 is 3.14 dBm0, µ-law's 8159 is 3.17 dBm0 (G.711 §5, Tables 1 and 2).
	align := 4096 * a.scale / (8159 * u.scale) * math.Pow(10, (3.17-3.14)/20)
	for n := range 128 {
		toA, toU := a.closest(u.decoded(n)*align), u.closest(a.decoded(n)/align)
		if n == 80 {
			toA = 81 - 1 // Note 3 to Table 3: µ-80 is converted to A-81 (A-law's numbers count from 1)
		}
		if n == 80-1 {
			toU = 79 // Note 3: A-80 is converted to µ-79
		}
		for _, sign := range []byte{signBit, 0} {
			require.Equal(t, byte(toA)^a.invert|sign, uToA[byte(n)^u.invert|sign], "µ-%d", n)
			require.Equal(t, byte(toU)^u.invert|sign, aToU[byte(n)^a.invert|sign], "A-%d", n+1)
		}
	}
}

func TestBits1To7SurviveALawToULawAndBack(t *testing.T) {
	for c := range 256 { // G.711, Note 3 to Tables 3 and 4
		require.Equal(t, byte(c)>>1, uToA[aToU[c]]>>1, "code %#x", c)
	}
}

func TestTheLibrarysConversionTablesAreNotG711s(t *testing.T) {
	toA, toU := 0, 0 // the figures in doc.go: when they become 0, the tables here can go
	for n := range 128 {
		if c := byte(n) | signBit; g711.Ulaw2AlawFrame(c) != uToA[c] {
			toA++
		}
		if c := byte(n) | signBit; g711.Alaw2UlawFrame(c) != aToU[c] {
			toU++
		}
	}
	require.Equal(t, []int{19, 17}, []int{toA, toU})
}
