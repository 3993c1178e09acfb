package campaign

import (
	"hash/maphash"
	"math/bits"

	"github.com/avanak/avanak"
)

// numberSet is a set of numbers in one flat table with open addressing: 10 to 15 bytes a number, and for the moment of
// growing the old table besides. The hash is seeded, so that no list can be made up whose numbers all meet in one place.
// The zero value is not ready for use.
type numberSet struct {
	seed  maphash.Seed
	slots []uint64 // 0 is free: no number is 0
	n     int
}

// newNumberSet returns a set that takes this many numbers before it first grows.
func newNumberSet(expected int) *numberSet {
	return &numberSet{seed: maphash.MakeSeed(), slots: make([]uint64, max(expected+expected/4+1, 1024))}
}

// add tells whether the number is new to the set.
func (s *numberSet) add(n avanak.Number) bool {
	if 5*(s.n+1) > 4*len(s.slots) {
		s.grow()
	}
	slot := s.find(uint64(n))
	if *slot != 0 {
		return false
	}
	*slot = uint64(n)
	s.n++
	return true
}

// find returns the slot that holds v, or the free one where it belongs.
func (s *numberSet) find(v uint64) *uint64 {
	// The high word of hash × size spreads hashes evenly over a table of any size, not only of a power of two.
	high, _ := bits.Mul64(maphash.Comparable(s.seed, v), uint64(len(s.slots)))
	for i := int(high); ; i++ { //nolint:gosec // below len(s.slots)
		if i == len(s.slots) {
			i = 0
		}
		if s.slots[i] == 0 || s.slots[i] == v {
			return &s.slots[i]
		}
	}
}

// grow makes the table half as large again: doubling would leave it nearly two thirds empty.
func (s *numberSet) grow() {
	old := s.slots
	s.slots = make([]uint64, len(old)+len(old)/2)
	for _, v := range old {
		if v != 0 {
			*s.find(v) = v
		}
	}
}
