package queue

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestWakesNameThePartitionThatHasWork(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		ctx, stop := context.WithCancel(t.Context())
		woken, ended := make(chan int, 16), make(chan error, 1)
		go func() { ended <- f.Wakes(ctx, func(p int) { woken <- p }) }()
		defer func() {
			stop()
			require.NoError(t, <-ended)
		}()
		require.Eventually(t, func() bool { // what is published before is missed
			n, err := f.rdb.PubSubNumSub(ctx, wakeChannel).Result()
			return err == nil && n[wakeChannel] == 1
		}, 30*time.Second, time.Millisecond)
		next := func() int {
			select {
			case p := <-woken:
				return p
			case <-time.After(30 * time.Second):
				require.FailNow(t, "nobody was woken")
				return 0
			}
		}

		m := f.push(nil)
		require.Equal(t, avanak.PartitionOf(m.ID), next())
		_, err := f.PushMessage(ctx, m, "fp") // no news: nobody is woken, or the next wake is not the campaign's
		require.NoError(t, err)
		for _, noise := range []any{"x", -1, avanak.Partitions} {
			require.NoError(t, f.rdb.Publish(ctx, wakeChannel, noise).Err())
		}
		c := f.campaign(1, func(c *avanak.Campaign) {
			for avanak.PartitionOf(c.ID) == shard {
				c.ID = avanak.NewID(avanak.CampaignPrefix, f.now)
			}
		})
		require.Equal(t, avanak.PartitionOf(c.ID), next(), "started")
		_, err = f.SetRun(ctx, c, "", avanak.Paused)
		require.NoError(t, err)
		_, err = f.SetRun(ctx, c, "", avanak.Running)
		require.NoError(t, err)
		require.Equal(t, avanak.PartitionOf(c.ID), next(), "resumed")
		require.Empty(t, woken)
	})
}
