package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/cmd/avanak/console"
)

// patience is how long a watch or a wait lives through a gateway that does not answer: a restart takes less.
const patience = time.Minute

type campaignWatchCmd struct {
	CampaignArg
	Every time.Duration `default:"1s" help:"How often to look."`
}

// Run follows the campaign until it is done or cancelled. Interrupting the watch leaves the campaign alone.
func (c *campaignWatchCmd) Run(ctx context.Context, con *console.Console) error {
	if c.Every < 10*time.Millisecond {
		return refuse("--every must be at least 10ms")
	}
	gateway, err := c.open()
	if err != nil {
		return err
	}
	defer gateway.Close()
	var (
		before client.Campaign
		seen   time.Time
		lines  = json.NewEncoder(con.Out)
	)
	now, err := poll(ctx, c.Every, func(ctx context.Context) (client.Campaign, bool, error) {
		now, err := gateway.Campaign(ctx, c.ID)
		if err != nil {
			return now, false, err
		}
		at, rate := time.Now(), 0.0
		if !seen.IsZero() {
			rate = speed(before, now, at.Sub(seen))
		}
		before, seen = now, at
		if c.JSON {
			err = lines.Encode(now)
		} else {
			con.Status("%s", progress(now, rate))
		}
		return now, now.Over(), err
	})
	if err != nil {
		return fmt.Errorf("watch campaign %s: %w", c.ID, err)
	}
	if c.JSON {
		return nil
	}
	return campaignSheet(con, now)
}

// poll asks again and again until the answer is the last one, or ctx ends. Where the gateway is away it asks on for as long
// as patience lasts.
func poll[T any](ctx context.Context, every time.Duration, ask func(context.Context) (T, bool, error)) (T, error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var away time.Time // since when
	for {
		answer, last, err := ask(ctx)
		problem, refused := errors.AsType[*client.Problem](err)
		switch {
		case err == nil && last:
			return answer, nil
		case err == nil:
			away = time.Time{}
		case !errors.Is(err, client.ErrUnreachable) && (!refused || problem.Refused()):
			return answer, err
		case away.IsZero():
			away = time.Now()
		case time.Since(away) > patience:
			return answer, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return answer, context.Cause(ctx)
		}
	}
}
