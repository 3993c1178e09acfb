package impair

import (
	"math/rand/v2"
	"time"
)

// maxOvertakers is how many later datagrams pass a reordered one at most.
const maxOvertakers = 8

// fate is what becomes of one datagram.
type fate struct {
	lost       bool
	twice      bool
	overtakers int           // how many pass it first; 0 means that it is not held back
	delay      time.Duration // of the datagram
	copyDelay  time.Duration // of its copy, where it arrives twice
}

// fates are the dice of one direction.
type fates struct {
	path Path
	rng  *rand.Rand
}

// golden keeps the two directions' dice apart (2^64 over the golden ratio: no bit pattern of its own).
const golden = 0x9e3779b97f4a7c15

func newFates(path Path, seed uint64, d Direction) *fates {
	return &fates{path: path, rng: rand.New(rand.NewPCG(seed, uint64(d+1)*golden))} //nolint:gosec // repeatable on purpose
}

// next throws the dice for the next datagram, all of them each time: so one effect's share does not move the others.
func (f *fates) next() fate {
	lose, double, hold := f.rng.Float64(), f.rng.Float64(), f.rng.Float64()
	overtakers := 1 + f.rng.IntN(maxOvertakers)
	jitter, copyJitter := f.rng.Float64(), f.rng.Float64()
	p := f.path
	if lose < p.Loss {
		return fate{lost: true}
	}
	r := fate{twice: double < p.Duplicate, delay: p.Delay + time.Duration(jitter*float64(p.Jitter)),
		copyDelay: p.Delay + time.Duration(copyJitter*float64(p.Jitter))}
	if hold < p.Reorder {
		r.overtakers = overtakers
	}
	return r
}
