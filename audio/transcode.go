package audio

// The conversions from law to law, by code: G.711 Tables 3 and 4. The library's own tables are not G.711's: they take the
// nearest sample of 16 bits, where G.711 aligns the laws by level (A-law overloads at 3.14 dBm0, µ-law at 3.17 dBm0, so
// that equal values are 0.07 dB apart) and keeps bits 1 to 7 of a code on the way from A-law to µ-law and back (Note 3).
var (
	uToA = table(invertULaw, invertALaw, -1, []run{{1, 1, 8, 2}, {9, 1, 16, 1}, {25, 2, 4, 1}, {33, 1, 12, 1}, {46, 2, 2, 1},
		{49, 1, 14, 1}, {64, 1, 16, 1}, {81, 1, 48, 1}})
	aToU = table(invertALaw, invertULaw, 0, []run{{1, 2, 8, 1}, {16, 1, 16, 1}, {32, 1, 4, 2}, {36, 1, 12, 1}, {48, 1, 2, 2},
		{50, 1, 14, 1}, {64, 1, 1, 2}, {65, 1, 14, 1}, {79, 1, 1, 2}, {80, 1, 48, 1}})
)

// The bits that a positive code has inverted when it stands for interval 0 (G.711 Tables 1a and 2a).
const (
	invertALaw = 0x55
	invertULaw = 0x7F
)

// run is a stretch of a conversion table: steps values from first on, each by more than the one before, each said times.
type run struct{ first, by, steps, times int }

// table unrolls runs for the intervals 0..127 of one law into codes of the other; shift brings the table's numbers to
// intervals, which Table 3 counts from 1. The sign carries over.
func table(from, to byte, shift int, runs []run) [256]byte {
	var codes [256]byte
	interval := byte(0)
	for _, r := range runs {
		for i := range r.steps * r.times {
			code := byte(r.first+r.by*(i/r.times)+shift) ^ to //nolint:gosec // 0..127
			codes[interval^from] = code
			codes[interval^from|signBit] = code | signBit
			interval++
		}
	}
	return codes
}
