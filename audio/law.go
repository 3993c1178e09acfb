package audio

import (
	"math"

	"github.com/zaf/g711"
)

// signBit is set in the codes of positive values, in both laws.
const signBit = 0x80

// What silence is in each law: positive zero.
const (
	silenceALaw = 0xD5
	silenceULaw = 0xFF
)

// encodeALaw returns the A-law code of a sample on the scale of 16 bits (±32768, fractions allowed): rounded to the
// nearest of the 13-bit uniform values that G.711 Table 1 is written in, half a step up.
func encodeALaw(x float64) byte {
	uniform := min(max(math.Floor(x/8+0.5), -4096), 4095)
	return g711.EncodeAlawFrame(int16(uniform) * 8)
}

// encodeULaw returns the µ-law code of a sample on the scale of 16 bits: rounded to the nearest of the 14-bit uniform
// values that G.711 Table 2 is written in. The library counts negative values from −1 and so puts those that lie on a
// decision value one code lower than their positive twins; encoding the magnitude keeps the law symmetric, as SoX does.
func encodeULaw(x float64) byte {
	uniform := min(max(math.Floor(x/4+0.5), -8191), 8191)
	code := g711.EncodeUlawFrame(int16(math.Abs(uniform)) * 4)
	if uniform < 0 {
		code &^= signBit
	}
	return code
}

// DecodeALaw returns the linear samples of 16 bits that A-law codes stand for.
func DecodeALaw(alaw []byte) []int16 {
	linear := make([]int16, len(alaw))
	for i, c := range alaw {
		linear[i] = g711.DecodeAlawFrame(c)
	}
	return linear
}
