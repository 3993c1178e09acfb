package sip

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/locate"
)

// The dispatcher sends a call that one target refuses to another only where it knows of one: from the start, and where
// nobody is asked by OPTIONS as well.
func TestTargetsAreReportedBeforeTheFirstKeepAlive(t *testing.T) {
	for name, options := range map[string]time.Duration{"keep-alives": 0, "none": -1} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Targets, c.Options = append(c.Targets, "127.0.0.2:5060"), options })
			require.Eventually(t, func() bool { return len(r.agent.Health().Targets) == 2 }, patience, time.Millisecond)
			require.True(t, r.agent.Health().Usable)
		})
	}
}

// A target that refused three calls in a row comes after the others until it has served one, or half a minute has passed:
// if every call tried it first, the breaker would close the trunk although the other target serves.
func TestTargetThatRefusesAllComesLast(t *testing.T) {
	find := located{netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.2:5060")}
	all := newTargets(find, OverUDP)
	first := func() netip.AddrPort {
		place, err := all.choose(t.Context(), nil)
		require.NoError(t, err)
		return place.Addr
	}
	for range refusalsToLast - 1 {
		all.ended(find[0], avanak.ClassCongestion)
	}
	require.Equal(t, find[0], first(), "one 503 is that call's affair")
	all.ended(find[0], avanak.ClassAway)
	all.ended(find[0], avanak.ClassCongestion)
	require.Equal(t, find[0], first(), "a callee spoke in between")
	for range refusalsToLast {
		all.ended(find[0], avanak.ClassCongestion)
	}
	require.Equal(t, find[1], first())
	all.spoke(find[0])
	require.Equal(t, find[1], first(), "a response is no service")
	for range refusalsToLast {
		all.ended(find[1], avanak.ClassCongestion)
	}
	require.Equal(t, find[0], first(), "where all refuse, the order is the configured one")
	all.ended(find[1], avanak.ClassAnswered)
	require.Equal(t, find[1], first())
	all.of(find[0]).full = time.Now()
	require.Equal(t, find[0], first(), "half a minute has passed")
}

// located is a locator of fixed addresses.
type located []netip.AddrPort

func (l located) Places(context.Context) ([]locate.Place, error) {
	places := make([]locate.Place, 0, len(l))
	for _, addr := range l {
		places = append(places, locate.Place{Addr: addr})
	}
	return places, nil
}
func (located) Known(netip.Addr) bool { return true }
func (located) Close()                {}
