package queue_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// A campaign of three numbers, from its creation to its end.
func Example() {
	ctx := context.Background()
	server, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	defer server.Close()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close() //nolint:errcheck // the example ends
	q, err := queue.New(queue.DefaultConfig(), rdb)
	if err != nil {
		panic(err)
	}

	now := time.Now()
	c := avanak.Campaign{ID: avanak.NewID(avanak.CampaignPrefix, now), Tenant: "acme", Name: "water is off tonight",
		Clip: avanak.NewID(avanak.ClipPrefix, now), Retry: avanak.RetryPolicy{MaxAttempts: 1}, OnUncertain: avanak.Hold,
		Created: now}
	if err := prepare(ctx, q, c); err != nil {
		panic(err)
	}

	// What the dispatcher does: claim, record the intent, call, settle.
	claims, err := q.Claim(ctx, c, 10)
	if err != nil {
		panic(err)
	}
	for i, o := range []avanak.Outcome{avanak.Completed, avanak.Busy, avanak.Completed} {
		intent, err := q.Dial(ctx, claims[i])
		if err != nil {
			panic(err)
		}
		if _, err := q.Settle(ctx, intent, avanak.Report{Result: avanak.Result{Outcome: o}}, time.Time{}); err != nil {
			panic(err)
		}
	}

	_, p, err := q.Campaign(ctx, c.ID)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Run, p.Recipients, "recipients,", p.Answered, "answered")
	for r, err := range q.Results(ctx, c.ID, 0) {
		if err != nil {
			panic(err)
		}
		fmt.Println(r.Ordinal, r.Number, r.State)
	}
	// Output:
	// done 3 recipients, 2 answered
	// 0 +98912****01 delivered
	// 1 +98912****02 busy
	// 2 +98912****03 delivered
}

// prepare does what package campaign does: create, load, open, start.
func prepare(ctx context.Context, q *queue.Queue, c avanak.Campaign) error {
	if _, err := q.CreateCampaign(ctx, c, "fingerprint of the request"); err != nil {
		return err
	}
	load, err := q.BeginLoad(ctx, c.ID, "upload 1")
	if err != nil {
		return err
	}
	if err := load.Append(ctx, []avanak.Number{989120000001, 989120000002, 989120000003}, make([]avanak.State, 3)); err != nil {
		return err
	}
	if err := load.Commit(ctx, 0); err != nil {
		return err
	}
	if err := q.OpenWindow(ctx, c.ID, c.Created.Add(-time.Minute), c.Created.Add(time.Hour)); err != nil {
		return err
	}
	_, err = q.SetRun(ctx, c, "", avanak.Running)
	return err
}
