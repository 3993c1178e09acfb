package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// batch is how many recipients one call appends, and claimed how many one call leases.
const (
	batch   = 8000
	claimed = 10
)

// load makes a running campaign of n recipients.
func load(ctx context.Context, q *queue.Queue, n int) (avanak.Campaign, error) {
	now := time.Now()
	c := avanak.Campaign{ID: avanak.NewID(avanak.CampaignPrefix, now), Tenant: "bench", Name: "bench",
		Clip: avanak.NewID(avanak.ClipPrefix, now), Window: avanak.Window{To: 1440}, Ring: avanak.DefaultRing,
		Retry: avanak.DefaultRetry(), OnUncertain: avanak.Hold, Created: now}
	if _, err := q.CreateCampaign(ctx, c, "bench"); err != nil {
		return c, err
	}
	l, err := q.BeginLoad(ctx, c.ID, c.ID)
	if err != nil {
		return c, err
	}
	numbers, states := make([]avanak.Number, batch), make([]avanak.State, batch)
	for i := range numbers {
		numbers[i] = avanak.Number(98_912_000_0000 + i)
	}
	for left := n; left > 0; left -= batch {
		if err := l.Append(ctx, numbers[:min(left, batch)], states[:min(left, batch)]); err != nil {
			return c, err
		}
	}
	if err := l.Commit(ctx, 0); err != nil {
		return c, err
	}
	if err := q.OpenWindow(ctx, c.ID, now.Add(-time.Hour), now.Add(24*time.Hour)); err != nil {
		return c, err
	}
	_, err = q.SetRun(ctx, c, "", avanak.Running)
	return c, err
}

// callAll claims, dials and settles all recipients of a campaign with this many workers: one in twenty is busy at first,
// and is called again.
func callAll(ctx context.Context, q *queue.Queue, c avanak.Campaign, workers int) error {
	g, working := errgroup.WithContext(ctx)
	for range workers {
		g.Go(func() error { return worker(working, q, c) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("call all: %w", err)
	}
	_, p, err := q.Campaign(ctx, c.ID)
	if err == nil && (p.Run != avanak.Done || p.States[avanak.Delivered] != p.Recipients) {
		err = fmt.Errorf("campaign is %s with %d of %d delivered", p.Run, p.States[avanak.Delivered], p.Recipients)
	}
	return err
}

func worker(ctx context.Context, q *queue.Queue, c avanak.Campaign) error {
	idle := time.NewTicker(20 * time.Millisecond)
	defer idle.Stop()
	for {
		claims, err := q.Claim(ctx, c, claimed)
		switch {
		case errors.Is(err, queue.ErrCancelled): // done
			return nil
		case err != nil:
			return err
		case len(claims) == 0: // the last ones are in flight, or wait for their retry
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-idle.C:
			}
			if _, err := q.Promote(ctx, c.ID); err != nil {
				return err
			}
		}
		for _, cl := range claims {
			if err := call(ctx, q, cl); err != nil {
				return err
			}
		}
	}
}

func call(ctx context.Context, q *queue.Queue, c queue.Claim) error {
	i, err := q.Dial(ctx, c)
	if err != nil {
		return err
	}
	o, again := avanak.Completed, time.Time{}
	if c.Ordinal%20 == 0 && c.Attempts == 0 {
		o, again = avanak.Busy, time.Now()
	}
	_, err = q.Settle(ctx, i, avanak.Report{Trunk: "bench", Result: avanak.Result{Outcome: o, SIP: 200,
		Started: time.Now(), Ring: 5 * time.Second, Talk: 10 * time.Second, Played: 10 * time.Second}}, again)
	return err
}
