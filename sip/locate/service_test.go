package locate

import (
	"math/rand/v2"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func weighted(weights ...uint16) []option {
	options := make([]option, len(weights))
	for i, w := range weights {
		options[i] = option{service: service{port: uint16(i), weight: w}}
	}
	return options
}

func TestWeightsShareTheCallsOfOnePriority(t *testing.T) {
	t.Parallel()
	const draws = 10_000
	for what, tt := range map[string]struct {
		weights []uint16
		want    []float64 // share of the calls that come here first
	}{
		"two to one":        {[]uint16{60, 30, 10}, []float64{60. / 101, 30. / 101, 11. / 101}}, // see below
		"only zero":         {[]uint16{0, 0, 0, 0}, []float64{.25, .25, .25, .25}},
		"zero beside ten":   {[]uint16{0, 10}, []float64{1. / 11, 10. / 11}},
		"two zeroes":        {[]uint16{0, 0, 8}, []float64{.5 / 9, .5 / 9, 8. / 9}},
		"greatest":          {[]uint16{65535, 65535}, []float64{.5, .5}},
		"one":               {[]uint16{7}, []float64{1}},
		"one of weight one": {[]uint16{1, 1}, []float64{.5, .5}},
	} {
		t.Run(what, func(t *testing.T) {
			first := make([]float64, len(tt.weights))
			random := rand.New(rand.NewPCG(1, 2))
			for range draws {
				options := weighted(tt.weights...)
				order(options, random.IntN)
				seen := map[uint16]bool{}
				for _, o := range options {
					require.Equal(t, tt.weights[o.port], o.weight)
					seen[o.port] = true
				}
				require.Len(t, seen, len(options), "each is tried once")
				first[options[0].port]++
			}
			for i, want := range tt.want {
				// The RFC draws from 0 to the sum, both included: where no weight is 0 the first in line has one chance more. We
				// shuffle the line, so that this chance is shared. 2 % is over four standard deviations.
				require.InDelta(t, want, first[i]/draws, 0.02, "record %d", i)
			}
		})
	}
}

// The second choice follows the weights that are left.
func TestTheRestIsDrawnByWhatIsLeft(t *testing.T) {
	t.Parallel()
	const draws = 10_000
	random, second, of := rand.New(rand.NewPCG(3, 4)), 0., 0.
	for range draws {
		options := weighted(100, 75, 25)
		order(options, random.IntN)
		if options[0].port == 0 {
			of++
			if options[1].port == 1 {
				second++
			}
		}
	}
	require.InDelta(t, .75, second/of, 0.03)
}

func TestDrawFollowsTheRunningSum(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		mark int
		want uint16
	}{
		"0 is the zero's":        {0, 2},
		"1 is the first's":       {1, 0},
		"its whole weight":       {10, 0},
		"one more is the next's": {11, 1},
		"the sum is the last's":  {30, 1},
	} {
		t.Run(what, func(t *testing.T) {
			options := weighted(10, 20, 0)
			order(options, func(n int) int {
				if n == 31 { // the first draw: 0 to 30
					return tt.mark
				}
				return n - 1 // the shuffle changes nothing
			})
			require.Equal(t, tt.want, options[0].port)
		})
	}
}

func TestPriorityComesBeforeWeight(t *testing.T) {
	t.Parallel()
	records := []*net.SRV{
		{Target: "c.", Port: 1, Priority: 20, Weight: 65535},
		{Target: "a.", Port: 1, Priority: 10, Weight: 1},
		nil,
		{Target: "d.", Port: 1, Priority: 30},
		{Target: "b.", Port: 1, Priority: 10, Weight: 1},
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		found, absent := services(records)
		require.False(t, absent)
		var options []option
		for _, s := range found {
			options = append(options, option{service: s})
		}
		order(options, random.IntN)
		require.ElementsMatch(t, []string{"a", "b"}, []string{options[0].via, options[1].via})
		require.Equal(t, []string{"c", "d"}, []string{options[2].via, options[3].via})
	}
}
