package queue

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// TestEventsTellTheWholeStory decodes each kind, field by field.
func TestEventsTellTheWholeStory(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(3, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		started := f.now
		claims := f.claim(c, 3)
		f.advance(time.Second)
		through, silent := f.dial(claims[0]), f.dial(claims[1])
		dialled := f.now
		require.NoError(t, f.Skip(t.Context(), claims[2], avanak.Suppressed))
		second := f.leg(silent)
		f.settle(through, avanak.Completed)
		f.advance(f.cfg.DialTTL)
		f.reap(c)
		lost := f.now
		f.ringOut(c)
		again := f.dial(f.claim(c, 1)[0])
		redialled := f.now
		f.advance(f.cfg.DialTTL)
		f.reap(c)
		f.settle(again, avanak.Busy)

		result := func(o avanak.Outcome, at time.Time) avanak.Result {
			return avanak.Result{Outcome: o, SIP: 200, Started: at, Ring: 1500 * time.Millisecond, Talk: 6 * time.Second,
				Played: 5900 * time.Millisecond}
		}
		call := func(i Intent, e avanak.Event) avanak.Event {
			e.Ordinal, e.Attempt, e.Token, e.CallID = i.Claim().Ordinal, i.Attempt(), i.Claim().Token, i.CallID()
			return e
		}
		want := []avanak.Event{
			{Kind: avanak.EventRun, At: started, Run: avanak.Running},
			call(through, avanak.Event{Kind: avanak.EventIntent, At: dialled}),
			call(silent, avanak.Event{Kind: avanak.EventIntent, At: dialled}),
			{Kind: avanak.EventSkipped, At: dialled, Ordinal: 2, Token: claims[2].Token, Outcome: avanak.Suppressed,
				State: avanak.IsSuppressed},
			call(second, avanak.Event{Kind: avanak.EventLeg, At: dialled, Legs: 2}),
			call(through, avanak.Event{Kind: avanak.EventClosed, At: dialled, Outcome: avanak.Completed,
				State: avanak.Delivered, Trunk: "t1", Result: result(avanak.Completed, dialled), Legs: 1}),
			call(silent, avanak.Event{Kind: avanak.EventClosed, At: lost, Outcome: avanak.Uncertain, State: avanak.RetryWait, Legs: 2}),
			call(again, avanak.Event{Kind: avanak.EventIntent, At: redialled, AfterUncertain: true}),
			call(again, avanak.Event{Kind: avanak.EventClosed, At: f.now, Outcome: avanak.Uncertain, State: avanak.IsUncertain,
				Legs: 1}),
			{Kind: avanak.EventRun, At: f.now, Run: avanak.Done},
			call(again, avanak.Event{Kind: avanak.EventLate, At: f.now, Outcome: avanak.Busy, State: avanak.WasBusy,
				Trunk: "t1", Result: result(avanak.Busy, f.now), Legs: 1}),
		}
		got := f.events(c.ID)
		require.Len(t, got, len(want))
		for i := range want {
			require.NotEmpty(t, got[i].ID)
			want[i].ID, want[i].Tenant, want[i].Job = got[i].ID, c.Tenant, c.ID
			require.Equal(t, want[i], got[i], "event %d", i)
		}
	})
}

func TestEventsArePagedByTheLastID(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(10, nil)
		for _, cl := range f.claim(c, 10) {
			f.settle(f.dial(cl), avanak.Completed)
		}
		all := f.events(c.ID)
		require.Len(t, all, 22) // two runs, ten intents, ten ends
		read := func(after string) []avanak.Event {
			page, err := f.Events(t.Context(), avanak.PartitionOf(c.ID), after, 5)
			require.NoError(t, err)
			return page
		}
		var paged []avanak.Event
		for page := read(""); len(page) > 0; page = read(page[len(page)-1].ID) {
			require.LessOrEqual(t, len(page), 5)
			paged = append(paged, page...)
			require.LessOrEqual(t, len(paged), len(all), "the cursor must move")
		}
		require.Equal(t, all, paged)
		require.Empty(t, read(all[len(all)-1].ID), "the cursor rests at the end")

		next := f.campaign(1, func(n *avanak.Campaign) {
			for avanak.PartitionOf(n.ID) != avanak.PartitionOf(c.ID) {
				n.ID = avanak.NewID(avanak.CampaignPrefix, f.now)
			}
		})
		news := read(all[len(all)-1].ID)
		require.Len(t, news, 1)
		require.Equal(t, next.ID, news[0].Job)
	})
}

func TestTrimEventsDropsOnlyWhatIsOld(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		add := func(partition int, at time.Time) {
			require.NoError(t, f.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: shardOf(partition).events(),
				ID: redisID(at), Values: []string{"k", "run", "j", "cmp_x", "at", "1"}}).Err())
		}
		left := func(partition int) (ids []string) {
			events, err := f.Events(t.Context(), partition, "", 10)
			require.NoError(t, err)
			for _, e := range events {
				ids = append(ids, e.ID)
			}
			return ids
		}
		now := time.Now()
		older, old, recent := now.Add(-3*time.Hour), now.Add(-61*time.Minute), now.Add(-59*time.Minute)
		for _, p := range []int{0, avanak.Partitions - 1} {
			add(p, older)
			add(p, old)
			add(p, recent)
		}
		add(1, recent)
		require.NoError(t, f.TrimEvents(t.Context(), time.Hour))
		for _, p := range []int{0, 1, avanak.Partitions - 1} {
			require.Equal(t, []string{redisID(recent)}, left(p))
		}
		require.NoError(t, f.TrimEvents(t.Context(), 0))
		require.Empty(t, left(1))
	})
}

func redisID(at time.Time) string { return fmt.Sprintf("%d-0", at.UnixMilli()) }

func TestDamagedEventsAreErrors(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		for field, value := range map[string]string{"at": "x", "o": "-1", "a": "1.5", "tok": "99999999999999999999", "l": "two", "r": "short"} {
			require.NoError(t, f.rdb.Del(t.Context(), shardOf(0).events()).Err())
			require.NoError(t, f.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: shardOf(0).events(),
				Values: []string{"k", "intent", field, value}}).Err())
			_, err := f.Events(t.Context(), 0, "", 1)
			require.ErrorContains(t, err, "partition 0", field)
		}
	})
}

func TestReadersThatAreStoppedSaySo(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		_, err := f.Events(ctx, 0, "", 1)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, avanak.ErrUnavailable, "Redis is not to blame")
	})
}
