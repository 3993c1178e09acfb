package impair

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// throws is how many datagrams the shares are judged by.
const throws = 20_000

// sigmas is how far a count may lie from its mean. Seeds are fixed: this bounds what a seed may look like, no chance of
// a failure.
const sigmas = 4

func requireShare(t *testing.T, share float64, got, of int, what string) {
	t.Helper()
	mean, sigma := share*float64(of), math.Sqrt(share*(1-share)*float64(of))
	require.InDelta(t, mean, float64(got), sigmas*sigma, "%s: %d of %d", what, got, of)
}

func TestSharesAreThoseAskedFor(t *testing.T) {
	for _, p := range []Path{
		{Loss: 0.05}, {Duplicate: 0.02}, {Reorder: 0.05}, {Loss: 0.3, Duplicate: 0.1, Reorder: 0.2},
		{Loss: 0, Duplicate: 1, Reorder: 1}, {Loss: 1},
	} {
		for seed := range uint64(4) {
			f := newFates(p, seed, ToTarget)
			lost, twice, held := 0, 0, 0
			for range throws {
				n := f.next()
				if n.lost {
					require.Equal(t, fate{lost: true}, n)
					lost++
					continue
				}
				require.LessOrEqual(t, n.overtakers, maxOvertakers)
				if n.twice {
					twice++
				}
				if n.overtakers > 0 {
					held++
				}
			}
			requireShare(t, p.Loss, lost, throws, "lost")
			requireShare(t, p.Duplicate, twice, throws-lost, "twice")
			requireShare(t, p.Reorder, held, throws-lost, "held back")
		}
	}
}

func TestJitterIsUniformAboveTheDelay(t *testing.T) {
	f := newFates(Path{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}, 1, ToClient)
	var bins [10]int
	for range throws {
		n := f.next()
		for _, d := range []time.Duration{n.delay, n.copyDelay} {
			require.GreaterOrEqual(t, d, 20*time.Millisecond)
			require.Less(t, d, 30*time.Millisecond)
		}
		bins[(n.delay-20*time.Millisecond)/time.Millisecond]++
	}
	for i, n := range bins {
		requireShare(t, 0.1, n, throws, "bin "+time.Duration(i).String())
	}
}

func TestSameSeedSameFate(t *testing.T) {
	all := func(p Path, seed uint64, d Direction) (fates []fate) {
		f := newFates(p, seed, d)
		for range 1000 {
			fates = append(fates, f.next())
		}
		return fates
	}
	p := Path{Loss: 0.3, Duplicate: 0.1, Reorder: 0.1, Jitter: time.Second}
	first, second := all(p, 7, ToTarget), all(p, 7, ToTarget)
	require.Equal(t, first, second)
	require.NotEqual(t, all(p, 7, ToTarget), all(p, 8, ToTarget))
	require.NotEqual(t, all(p, 7, ToTarget), all(p, 7, ToClient))
	// One effect does not move the dice of another.
	with, without := all(p, 7, ToTarget), all(Path{Loss: 0.3}, 7, ToTarget)
	for i := range with {
		require.Equal(t, with[i].lost, without[i].lost)
	}
}

func TestBothWaysLoseApart(t *testing.T) {
	there, back := newFates(Path{Loss: 0.5}, 1, ToTarget), newFates(Path{Loss: 0.5}, 1, ToClient)
	same := 0
	for range throws {
		if there.next().lost == back.next().lost {
			same++
		}
	}
	requireShare(t, 0.5, same, throws, "same fate both ways")
}
