package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

// TestNodesTogetherCallEachRecipientOnce lets eight nodes work on one campaign at once; each claim is dialled and settled
// by two of its node's hands.
func TestNodesTogetherCallEachRecipientOnce(t *testing.T) {
	const nodes, recipients = 8, 2000
	f := newFixture(t, redistest.Start(t).Client())
	c := f.campaign(recipients, nil)
	g, ctx := errgroup.WithContext(t.Context())
	for n := range nodes {
		node := f.as("node" + strconv.Itoa(n))
		g.Go(func() error {
			for {
				claims, err := node.Claim(ctx, c, 7)
				switch {
				case errors.Is(err, ErrCancelled): // done
					return nil
				case err != nil:
					return err
				}
				for i, cl := range claims {
					if i == 6 { // some are given back, and go to whoever asks next
						if err := node.Release(ctx, cl); err != nil {
							return err
						}
						continue
					}
					if err := node.twice(ctx, cl); err != nil {
						return fmt.Errorf("ordinal %d: %w", cl.Ordinal, err)
					}
				}
			}
		})
	}
	require.NoError(t, g.Wait())
	p := f.progress(c)
	require.Equal(t, avanak.Done, p.Run)
	require.Equal(t, recipients, p.States[avanak.Delivered])
	require.Equal(t, []int{recipients, recipients, 0}, []int{p.Attempts, p.Answered, p.InFlight})
	intents := make(map[uint32]int)
	for _, e := range f.events(c.ID) {
		if e.Kind == avanak.EventIntent {
			intents[e.Ordinal]++
		}
	}
	require.Len(t, intents, recipients)
	for ordinal, n := range intents {
		require.Equal(t, 1, n, "ordinal %d", ordinal)
	}
	f.audit(c)
}

// twice dials and settles a claim by two hands at once, as a repeated request whose answer was lost does. Nobody else may
// take the claim away: exactly one hand must close it.
func (f *fixture) twice(ctx context.Context, c Claim) error {
	var finals atomic.Int64
	hands, ctx := errgroup.WithContext(ctx)
	for range 2 {
		hands.Go(func() error {
			i, err := f.Dial(ctx, c)
			if errors.Is(err, ErrFenced) { // the other hand has settled already
				return nil
			}
			if err != nil {
				return err
			}
			found, err := f.Settle(ctx, i, avanak.Report{Result: avanak.Result{Outcome: avanak.Completed}}, time.Time{})
			if err == nil && found == SettledFinal {
				finals.Add(1)
			}
			return err
		})
	}
	if err := hands.Wait(); err != nil {
		return err
	}
	if n := finals.Load(); n != 1 {
		return fmt.Errorf("closed by %d hands", n)
	}
	return nil
}
