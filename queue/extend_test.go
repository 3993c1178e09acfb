package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// A node that fell silent may hold a lost lease and its own newer one on the same recipient: the heartbeat must name the
// old one, or a living call would be taken for a dead one.
func TestExtendTellsOldLeasesFromNewOnes(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		m := f.push(func(m *avanak.Message) { m.OnUncertain = avanak.Redial })
		old := []Held{f.dial(f.claim(c, 1)[0]).Held(), f.dial(f.claimFast(1)[0]).Held()}
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Uncertain: 2}, f.reap(c))
		f.ringOut(c)
		current := []Held{f.dial(f.claim(c, 1)[0]).Held(), f.dial(f.claimFast(1)[0]).Held()}

		lost, err := f.Extend(t.Context(), append(append([]Held{}, old...), current...))
		require.NoError(t, err)
		require.ElementsMatch(t, old, lost)
		f.advance(f.cfg.DialTTL - time.Millisecond)
		lost, err = f.Extend(t.Context(), append(append([]Held{}, current...), old...))
		require.NoError(t, err)
		require.ElementsMatch(t, old, lost)
		f.advance(f.cfg.DialTTL - time.Millisecond)
		require.Zero(t, f.reap(c), "the living ones were renewed twice")
		f.audit(c)
		f.auditMessage(m)
	})
}

func TestExtendSpansCampaignsAndShards(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		var held []Held
		for range 3 {
			for _, cl := range f.claim(f.campaign(2, nil), 2) {
				held = append(held, cl.Held())
			}
		}
		for range 2 {
			f.push(nil)
		}
		for _, cl := range f.claimFast(2) {
			held = append(held, cl.Held())
		}
		gone := []Held{{Job: "cmp_none", Ordinal: 1, Token: 1}, {Lane: avanak.Fast, Job: "msg_none", Token: 1}}
		lost, err := f.Extend(t.Context(), append(append([]Held{}, held...), gone...))
		require.NoError(t, err)
		require.ElementsMatch(t, gone, lost)
		lost, err = f.Extend(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, lost)
	})
}
