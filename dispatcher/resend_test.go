package dispatcher

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// challenger asks for credentials at every call, with a nonce that serves once: each call takes two INVITEs.
type challenger struct {
	carrier

	unsent atomic.Int64
}

func (c *challenger) Place(ctx context.Context, i queue.Intent, via avanak.Route, gate func(context.Context) error) avanak.Report {
	if err := gate(ctx); err != nil {
		c.unsent.Add(1)
	}
	return c.carrier.Place(ctx, i, via, func(ctx context.Context) error {
		err := gate(ctx)
		if err != nil {
			c.unsent.Add(1)
		}
		return err
	})
}

// An INVITE that is sent again with credentials comes out of the trunk's pace: else twice as many calls begin as the gate
// lets through, they grow stale there, and recipients use up their tries without a ring.
func TestChallengedCallsAreNotBegunFasterThanTheGateLetsThem(t *testing.T) {
	r := newRig(t, func(cfg *Config) { cfg.Stale = 2 * time.Second }, avanak.Trunk{Name: "t1", CPS: 20, Channels: 500})
	c := &challenger{}
	r.d.caller = c
	r.run()
	job := r.campaign(70, func(c *avanak.Campaign) { c.Retry = avanak.DefaultRetry() })
	require.Equal(t, 70, r.done(job).States[avanak.Delivered])
	require.Zero(t, c.unsent.Load())
	r.stop()
}
