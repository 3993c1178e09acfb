package queue

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

// impatient is a client that asks once.
func impatient(t *testing.T, s *redistest.Server) redis.UniversalClient {
	t.Helper()
	o := s.Options()
	o.MaxRetries, o.DialerRetries, o.DialTimeout = -1, 1, time.Second
	rdb := redis.NewClient(o)
	t.Cleanup(func() { require.NoError(t, rdb.Close()) })
	return rdb
}

// TestEveryMethodSaysThatRedisIsGone, and what was acknowledged before the kill is there after the restart.
func TestEveryMethodSaysThatRedisIsGone(t *testing.T) {
	s := redistest.Start(t, redistest.WithAOF("always"))
	f := newFixture(t, impatient(t, s))
	loading := spec(f.now)
	_, err := f.CreateCampaign(t.Context(), loading, "fp")
	require.NoError(t, err)
	f.load(loading, numbers(500, 3), make([]avanak.State, 3), 0)
	load, err := f.BeginLoad(t.Context(), loading.ID, "upload")
	require.NoError(t, err)

	c, m := f.campaign(6, nil), f.push(nil)
	claims, fast := f.claim(c, 4), f.claimFast(1)
	f.settle(f.dial(claims[0]), avanak.Completed)
	f.settle(f.dial(claims[1]), avanak.Busy)
	i, fi := f.dial(claims[2]), f.dial(fast[0])

	type image struct {
		progress avanak.Progress
		rows     []avanak.Recipient
		events   []avanak.Event
		message  avanak.MessageStatus
	}
	look := func() image { return image{f.progress(c), f.results(c), f.events(c.ID), f.status(m)} }
	before := look()
	s.Kill()
	for name, call := range f.methods(loading, c, m, load, i, fi, claims[3]) {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		require.ErrorIs(t, call(ctx), avanak.ErrUnavailable, name)
		cancel()
	}
	s.Restart()
	require.Eventually(t, func() bool { return f.rdb.Ping(t.Context()).Err() == nil }, 60*time.Second, 10*time.Millisecond)

	require.Equal(t, before, look(), "nothing acknowledged is lost, nothing refused was done")
	require.NoError(t, load.Commit(t.Context(), 0), "the upload goes on")
	require.Equal(t, SettledFinal, f.settle(i, avanak.Completed))
	require.Equal(t, SettledFinal, f.settle(fi, avanak.Completed))
	f.dial(claims[3])
	f.audit(c)
	f.auditMessage(m)
}

// methods calls each method of the queue that asks Redis, but Wakes, which heals by itself.
func (f *fixture) methods(loading, c avanak.Campaign, m avanak.Message, load *Load, i, fi Intent, claimed Claim,
) map[string]func(context.Context) error {
	fresh := f.message()
	return map[string]func(context.Context) error{
		"Prepare":        f.Prepare,
		"CreateCampaign": func(ctx context.Context) error { _, err := f.CreateCampaign(ctx, spec(f.now), "fp"); return err },
		"Campaign":       func(ctx context.Context) error { _, _, err := f.Campaign(ctx, c.ID); return err },
		"Campaigns":      func(ctx context.Context) error { _, err := f.Campaigns(ctx, time.Time{}, 1); return err },
		"SetRun":         func(ctx context.Context) error { _, err := f.SetRun(ctx, c, "", avanak.Paused); return err },
		"OpenWindow":     func(ctx context.Context) error { return f.OpenWindow(ctx, c.ID, f.now, f.now) },
		"Active":         func(ctx context.Context) error { _, err := f.Active(ctx); return err },
		"BeginLoad":      func(ctx context.Context) error { _, err := f.BeginLoad(ctx, loading.ID, "later"); return err },
		"Load.Append": func(ctx context.Context) error {
			return load.Append(ctx, numbers(900, 1), []avanak.State{avanak.Pending})
		},
		"Load.Commit": func(ctx context.Context) error { return load.Commit(ctx, 0) },
		"Load.Numbers": func(ctx context.Context) error {
			for _, err := range load.Numbers(ctx) {
				return err
			}
			return nil
		},
		"Results": func(ctx context.Context) error {
			for _, err := range f.Results(ctx, c.ID, 0) {
				return err
			}
			return nil
		},
		"Claim":       func(ctx context.Context) error { _, err := f.Claim(ctx, c, 1); return err },
		"Dial":        func(ctx context.Context) error { _, err := f.Dial(ctx, claimed); return err },
		"Leg":         func(ctx context.Context) error { _, err := f.Leg(ctx, i); return err },
		"Leg fast":    func(ctx context.Context) error { _, err := f.Leg(ctx, fi); return err },
		"Skip":        func(ctx context.Context) error { return f.Skip(ctx, claimed, avanak.Suppressed) },
		"Release":     func(ctx context.Context) error { return f.Release(ctx, claimed) },
		"Settle":      func(ctx context.Context) error { return settleOnce(ctx, f.Queue, i) },
		"Settle fast": func(ctx context.Context) error { return settleOnce(ctx, f.Queue, fi) },
		"Extend":      func(ctx context.Context) error { _, err := f.Extend(ctx, []Held{i.Held()}); return err },
		"Reap":        func(ctx context.Context) error { _, err := f.Reap(ctx, []avanak.Campaign{c}); return err },
		"Reap fast":   func(ctx context.Context) error { _, err := f.Reap(ctx, nil); return err },
		"Promote":     func(ctx context.Context) error { _, err := f.Promote(ctx, c.ID); return err },
		"PushMessage": func(ctx context.Context) error { _, err := f.PushMessage(ctx, fresh, "fp"); return err },
		"Message":     func(ctx context.Context) error { _, err := f.Message(ctx, m.ID); return err },
		"Waiting":     func(ctx context.Context) error { _, err := f.Waiting(ctx); return err },
		"ClaimFast":   func(ctx context.Context) error { _, err := f.ClaimFast(ctx, shard, 1); return err },
		"Dial fast":   func(ctx context.Context) error { _, err := f.Dial(ctx, fi.Claim()); return err },
		"Events":      func(ctx context.Context) error { _, err := f.Events(ctx, 0, "", 1); return err },
		"TrimEvents":  func(ctx context.Context) error { return f.TrimEvents(ctx, time.Hour) },
	}
}

func settleOnce(ctx context.Context, q *Queue, i Intent) error {
	_, err := q.Settle(ctx, i, avanak.Report{Result: avanak.Result{Outcome: avanak.Completed}}, time.Time{})
	return err
}
