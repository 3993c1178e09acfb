package e2e

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/call"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/queue"
)

// lead is the silence before the clip.
const lead = 200 * time.Millisecond

// clip is a store of one clip.
type clip avanak.Frames

func (c clip) Frames(context.Context, string) (avanak.Frames, error) { return avanak.Frames(c), nil }

// attempt calls the callee through everything that a call is made of, and plays frames to whoever answers. It returns the
// Call-ID and the report.
func attempt(t *testing.T, target netip.AddrPort, frames avanak.Frames) (string, avanak.Report) {
	t.Helper()
	agent := newAgent(t, target)
	pacer, err := media.New(media.Config{}, prometheus.NewRegistry())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = pacer.Run(ctx) }) // it ends with ctx
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	ports, err := media.NewPorts(media.PortRange{IP: loopback})
	require.NoError(t, err)
	const trunk = "peer"
	caller, err := call.New(map[string]call.Line{trunk: {Agent: agent, Ports: ports, Address: loopback}}, pacer, clip(frames), lead,
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	i := intent(t)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	return i.CallID(), caller.Place(ctx, i, avanak.Route{Trunk: trunk}, func(context.Context) error { return nil })
}

// intent makes a campaign whose only recipient is the callee, and records the intent to call it.
func intent(t *testing.T) queue.Intent {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	q, err := queue.New(queue.DefaultConfig(), rdb)
	require.NoError(t, err)
	ctx, now := t.Context(), time.Now()
	c := avanak.Campaign{ID: avanak.NewID(avanak.CampaignPrefix, now), Tenant: "one", Name: "test",
		Clip: avanak.NewID(avanak.ClipPrefix, now), Window: avanak.Window{To: 1440}, Ring: wait, OnUncertain: avanak.Hold, Created: now}
	_, err = q.CreateCampaign(ctx, c, "")
	require.NoError(t, err)
	load, err := q.BeginLoad(ctx, c.ID, "load")
	require.NoError(t, err)
	require.NoError(t, load.Append(ctx, []avanak.Number{callee}, make([]avanak.State, 1)))
	require.NoError(t, load.Commit(ctx, 0))
	require.NoError(t, q.OpenWindow(ctx, c.ID, now.Add(-time.Hour), now.Add(time.Hour)))
	_, err = q.SetRun(ctx, c, "", avanak.Running)
	require.NoError(t, err)
	claims, err := q.Claim(ctx, c, 1)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	i, err := q.Dial(ctx, claims[0])
	require.NoError(t, err)
	return i
}
