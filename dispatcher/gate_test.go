package dispatcher

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// open is a last check that has nothing against it.
func open() error { return nil }

// TestGateHoldsEveryClosedSecond sends bunches of arrivals at gates of several speeds and counts what leaves in every
// closed second (DESIGN I8).
func TestGateHoldsEveryClosedSecond(t *testing.T) {
	for _, cps := range []float64{0.5, 1, 2.5, 10, 50} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(cps)
			rng := rand.New(rand.NewPCG(1, uint64(cps*10))) //nolint:gosec // repeatable on purpose
			var mu sync.Mutex
			var left []time.Time
			var all sync.WaitGroup
			for range 5 {
				for range 30 {
					all.Go(func() {
						if g.Pass(context.Background(), open) == nil {
							mu.Lock()
							left = append(left, time.Now())
							mu.Unlock()
						}
					})
				}
				time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
			}
			all.Wait()
			require.Len(t, left, 150)
			for i, from := range left {
				inside := 0
				for _, at := range left[i:] {
					if at.Sub(from) <= time.Second {
						inside++
					}
				}
				require.LessOrEqual(t, inside, max(1, int(cps)), "calls a second: %v", cps)
			}
			least := time.Duration(float64(len(left))/cps*float64(time.Second)) - 10*time.Second
			most := time.Duration(float64(len(left)) / max(cps-1, cps/2) * 1.1 * float64(time.Second))
			took := left[len(left)-1].Sub(left[0])
			require.Greater(t, took, least)
			require.Less(t, took, max(most, 15*time.Second), "the gate must not be slower than it has to")
		})
	}
}

func TestGateGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		require.NoError(t, g.Pass(t.Context(), open))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, g.Pass(ctx, open), context.DeadlineExceeded)
		require.Equal(t, 100*time.Millisecond, time.Since(begun))
		require.NoError(t, g.Pass(t.Context(), open))
		require.Equal(t, time.Second+gateMargin, time.Since(begun), "who gave up has used no place")
	})
}

// A last check that hangs holds those behind it back; when it is over they leave at the gate's pace, not in a bunch.
func TestHangingCheckBunchesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(10)
		var mu sync.Mutex
		var left []time.Time
		var all sync.WaitGroup
		stalled := time.Now().Add(5 * time.Second)
		for range 50 {
			all.Go(func() {
				err := g.Pass(context.Background(), func() error {
					time.Sleep(time.Until(stalled)) // Redis stands still until then
					return nil
				})
				require.NoError(t, err)
				mu.Lock()
				left = append(left, time.Now())
				mu.Unlock()
			})
		}
		all.Wait()
		for i := 10; i < len(left); i++ {
			require.Greater(t, left[i].Sub(left[i-10]), time.Second)
		}
	})
}

func TestRefusedByTheLastCheckUsesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		require.ErrorIs(t, g.Pass(t.Context(), func() error { return errStale }), errStale)
		begun := time.Now()
		require.NoError(t, g.Pass(t.Context(), open))
		require.Zero(t, time.Since(begun))
	})
}
