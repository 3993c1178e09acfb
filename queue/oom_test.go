package queue

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

// TestWorkInHandIsFinishedOutOfMemory runs each script whose header says allow-oom on a server that refuses writes: what
// was accepted can be brought to its end. What would take more in is refused, and leaves nothing behind.
func TestWorkInHandIsFinishedOutOfMemory(t *testing.T) {
	f := newFixture(t, redistest.Start(t).Client())
	ctx := t.Context()
	c := f.campaign(8, nil)
	for range 6 {
		f.push(nil)
	}
	bulk, fast := f.claim(c, 5), f.claimFast(6)
	settled, silent := f.dial(bulk[0]), f.dial(bulk[1])
	fastSettled, fastSilent := f.dial(fast[0]), f.dial(fast[1])

	f.memory("1")
	f.refusesNewWork(c)
	done := map[string]bool{}
	tried := func(name string, err error) {
		require.NoError(t, err, name)
		done[name] = true
	}
	for _, to := range []avanak.Run{avanak.Paused, avanak.Running} { // whoever wants to stop it must be able to
		_, err := f.SetRun(ctx, c, "", to)
		tried("run", err)
	}
	_, err := f.Dial(ctx, bulk[2])
	tried("dial", err)
	_, err = f.Dial(ctx, fast[2])
	tried("fast_dial", err)
	_, err = f.Leg(ctx, settled)
	tried("leg", err)
	_, err = f.Leg(ctx, fastSettled)
	tried("fast_leg", err)
	_, err = f.trySettle(settled, avanak.Busy) // with a retry
	tried("settle", err)
	_, err = f.trySettle(fastSettled, avanak.Busy)
	tried("fast_settle", err)
	tried("skip", f.Skip(ctx, bulk[3], avanak.Suppressed))
	tried("fast_skip", f.Skip(ctx, fast[3], avanak.Suppressed))
	tried("window", f.OpenWindow(ctx, c.ID, f.now.Add(-time.Hour), f.now.Add(24*time.Hour)))
	tried("release", f.Release(ctx, bulk[4]))
	tried("fast_release", f.Release(ctx, fast[5]))
	lost, err := f.Extend(ctx, []Held{bulk[2].Held(), fast[2].Held()})
	tried("extend", err)
	tried("fast_extend", err)
	require.Empty(t, lost)
	f.advance(f.cfg.DialTTL - time.Millisecond)
	lost, err = f.Extend(ctx, []Held{bulk[2].Held(), fast[2].Held()})
	require.NoError(t, err)
	require.Empty(t, lost)
	f.advance(time.Millisecond)
	found, err := f.Reap(ctx, []avanak.Campaign{c})
	tried("reap", err)
	tried("fast_reap", err)
	require.Equal(t, Reaped{Requeued: 1, Uncertain: 2}, found)
	require.Equal(t, SettledLate, f.settle(silent, avanak.Completed))
	require.Equal(t, SettledLate, f.settle(fastSilent, avanak.Completed))

	var flagged []string
	for name, header := range scriptHeaders(t) {
		if strings.Contains(header, "(allow-oom)") {
			flagged = append(flagged, name)
		}
	}
	require.ElementsMatch(t, flagged, slices.Collect(maps.Keys(done)))
	f.memory("0") // no limit
	f.audit(c)
	require.Equal(t, 1, f.progress(c).States[avanak.RetryWait])
	require.Len(t, f.claim(c, 10), 4)
	require.Len(t, f.claimFast(10), 3)
}

// memory sets the server's limit.
func (f *fixture) memory(limit string) {
	f.t.Helper()
	require.NoError(f.t, f.rdb.ConfigSet(f.t.Context(), "maxmemory", limit).Err())
}

func (f *fixture) refusesNewWork(c avanak.Campaign) {
	f.t.Helper()
	ctx, n := f.t.Context(), spec(f.now)
	_, err := f.CreateCampaign(ctx, n, "fp")
	require.ErrorIs(f.t, err, avanak.ErrUnavailable)
	_, _, err = f.Campaign(ctx, n.ID)
	require.ErrorIs(f.t, err, avanak.ErrNotFound)
	ids, err := f.Campaigns(ctx, time.Time{}, 10)
	require.NoError(f.t, err)
	require.Equal(f.t, []string{c.ID}, ids)

	m := f.message()
	_, err = f.PushMessage(ctx, m, "fp")
	require.ErrorIs(f.t, err, avanak.ErrUnavailable)
	_, err = f.Message(ctx, m.ID)
	require.ErrorIs(f.t, err, avanak.ErrNotFound)

	_, err = f.Claim(ctx, c, 1)
	require.ErrorIs(f.t, err, avanak.ErrUnavailable, "nobody new is called")
	_, err = f.ClaimFast(ctx, avanak.PartitionOf(m.ID), 1)
	require.ErrorIs(f.t, err, avanak.ErrUnavailable)
}

// TestPrepareAsksTheServer: without the flags, the same server refuses the same script.
func TestPrepareAsksTheServer(t *testing.T) {
	s := redistest.Start(t)
	f := newFixture(t, s.Client())
	i := f.dial(f.claim(f.campaign(1, nil), 1)[0])
	f.memory("1")
	unprepared := f.as("other")
	_, err := unprepared.trySettle(i, avanak.Completed)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	require.NoError(t, unprepared.Prepare(t.Context()))
	require.Equal(t, SettledFinal, unprepared.settle(i, avanak.Completed))
}

// TestRedisErrors sorts what Redis may answer into "cannot serve now" and "is wrong".
func TestRedisErrors(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		_, err := f.run(t.Context(), "nonsense", nil)
		require.ErrorContains(t, err, "nonsense")
		k := keysOf(avanak.NewID(avanak.CampaignPrefix, f.now))
		require.NoError(t, f.rdb.Set(t.Context(), k.hash, "no hash", 0).Err())
		_, err = f.runInt(t.Context(), "window", []string{k.hash}, 1, 2)
		require.ErrorContains(t, err, "WRONGTYPE")
		require.NotErrorIs(t, err, avanak.ErrUnavailable)
		require.NotErrorIs(t, err, redis.Nil)
	})
}
