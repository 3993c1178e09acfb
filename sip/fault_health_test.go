package sip

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// INVITEs that one target left unanswered had only that one asked, and put the round of all off: while they came, a target
// that was down stayed down, however well it was.
func TestDownTargetIsAskedWhileAnotherLeavesInvitesUnanswered(t *testing.T) {
	t.Parallel()
	other := newCallee(t)
	r := newRig(t, func(c *Config) {
		c.Targets = append(c.Targets, other.addr())
		c.Options = time.Second
	})
	down, silent := netip.MustParseAddrPort(other.addr()), netip.MustParseAddrPort(r.addr())
	for range missesToDown {
		r.agent.targets.missed(down, "test")
	}
	ctx, stop := context.WithCancel(t.Context())
	answered := make(chan struct{})
	for _, u := range []*callee{r.callee, other} {
		go func() { // answers every OPTIONS
			defer func() { answered <- struct{}{} }()
			for n := 0; ctx.Err() == nil; {
				u.mu.Lock()
				var m *message
				if n < len(u.log) {
					m = u.log[n]
					n++
				}
				u.mu.Unlock()
				if m == nil {
					time.Sleep(time.Millisecond) // polls
					continue
				}
				u.reply(*m, 200, "OK", "x", "")
			}
		}()
	}
	require.Eventually(t, func() bool {
		r.agent.health.suspect(silent)
		list, err := r.agent.targets.list(ctx)
		require.NoError(t, err)
		return list[0].Up && list[1].Up
	}, patience, 50*time.Millisecond)
	stop()
	<-answered
	<-answered
}
