package campaign

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avanak/avanak"
)

func TestNumberSetIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, model := newNumberSet(0), map[avanak.Number]bool{}
		// A narrow range for repeats, and many for growth.
		base := rapid.Uint64Range(1, 1<<40).Draw(t, "base")
		for range rapid.IntRange(0, 5000).Draw(t, "count") {
			n := avanak.Number(base + rapid.Uint64Range(0, 4000).Draw(t, "n"))
			require.Equal(t, !model[n], set.add(n))
			model[n] = true
			require.Equal(t, len(model), set.n)
		}
	})
}

func TestNumberSetStaysSmall(t *testing.T) {
	for _, expected := range []int{0, 50_000, 200_000} {
		set := newNumberSet(expected)
		for i := range 200_000 {
			if !set.add(avanak.Number(989120000000+i)) || (set.n > max(expected, 2000) && len(set.slots) > 2*set.n) {
				require.Fail(t, "not new, or over 16 bytes a number", "%d slots for %d numbers", len(set.slots), set.n)
			}
		}
		for i := range 200_000 {
			if set.add(avanak.Number(989120000000 + i)) {
				require.Fail(t, "not found again", "number %d of %d", i, set.n)
			}
		}
	}
}
