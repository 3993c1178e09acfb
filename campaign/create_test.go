package campaign_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
)

func TestCreateFillsInDefaults(t *testing.T) {
	both(t, campaign.Config{Sandbox: true}, func(t *testing.T, b *bench) {
		c, created, err := b.Create(t.Context(), alice, campaign.Request{Name: "x", Clip: b.clip}, "")
		require.NoError(t, err)
		require.True(t, created)
		require.True(t, avanak.ValidID(avanak.CampaignPrefix, c.ID))
		require.Equal(t, avanak.Campaign{ID: c.ID, Tenant: alice, Name: "x", Clip: b.clip, Window: avanak.DefaultWindow(),
			Retry: avanak.DefaultRetry(), Ring: avanak.DefaultRing, OnUncertain: avanak.Hold, Sandbox: true,
			Created: noon.UTC().Truncate(time.Millisecond)}, c)

		stored, p, err := b.Get(t.Context(), alice, c.ID)
		require.NoError(t, err)
		require.Equal(t, c, stored)
		require.Equal(t, avanak.Progress{Run: avanak.Loading}, p)
	})
}

func TestCreateKeepsWhatIsSaid(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		window := avanak.Window{From: 60, To: 120, Days: 3}
		retry := avanak.RetryPolicy{MaxAttempts: 5, Busy: time.Second}
		r := campaign.Request{Name: "x", Clip: b.clip, Caller: 982100000000 + 20000000, Window: &window, Retry: &retry,
			Ring: 20 * time.Second, OnUncertain: avanak.Redial}
		c, _, err := b.Create(t.Context(), alice, r, "")
		require.NoError(t, err)
		window.Zone = avanak.DefaultZone
		stored, _, err := b.Get(t.Context(), alice, c.ID)
		require.NoError(t, err)
		require.Equal(t, avanak.Campaign{ID: c.ID, Tenant: alice, Name: "x", Clip: b.clip, Caller: r.Caller, Window: window,
			Retry: retry, Ring: r.Ring, OnUncertain: avanak.Redial, Created: c.Created}, stored)
	})
}

func TestCreateRefusesWhatBreaksARule(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		foreign := avanak.NewID(avanak.ClipPrefix, noon)
		b.clips[foreign] = bob
		for name, tt := range map[string]struct {
			change func(*campaign.Request)
			key    string
			says   string
		}{
			"no name":         {func(r *campaign.Request) { r.Name = "" }, "", "name"},
			"long name":       {func(r *campaign.Request) { r.Name = strings.Repeat("ن", 201) }, "", "name"},
			"no clip":         {func(r *campaign.Request) { r.Clip = "" }, "", "clip"},
			"foreign clip":    {func(r *campaign.Request) { r.Clip = foreign }, "", "clip"},
			"foreign, keyed":  {func(r *campaign.Request) { r.Clip = foreign }, "k", "clip"},
			"abroad":          {func(r *campaign.Request) { r.Caller = 440000000000 }, "", "caller"},
			"window":          {func(r *campaign.Request) { r.Window = &avanak.Window{From: 5, To: 5} }, "", "window"},
			"zone":            {func(r *campaign.Request) { r.Window = &avanak.Window{To: 5, Zone: "Mars/Base"} }, "", "zone"},
			"retry":           {func(r *campaign.Request) { r.Retry = &avanak.RetryPolicy{MaxAttempts: 99} }, "", "max_attempts"},
			"ring":            {func(r *campaign.Request) { r.Ring = time.Hour }, "", "ring"},
			"negative ring":   {func(r *campaign.Request) { r.Ring = -1 }, "", "ring"},
			"on uncertain":    {func(r *campaign.Request) { r.OnUncertain = "maybe" }, "", "on_uncertain"},
			"long key":        {func(*campaign.Request) {}, strings.Repeat("k", 256), "idempotency key"},
			"key not ascii":   {func(*campaign.Request) {}, "کلید", "idempotency key"},
			"key with a line": {func(*campaign.Request) {}, "a\nb", "idempotency key"},
		} {
			r := b.request()
			tt.change(&r)
			_, created, err := b.Create(t.Context(), alice, r, tt.key)
			require.ErrorIs(t, err, avanak.ErrInvalid, name)
			require.ErrorContains(t, err, tt.says, name)
			require.NotErrorIs(t, err, avanak.ErrNotFound, name)
			require.False(t, created)
		}
		page, _, err := b.List(t.Context(), alice, "", 0)
		require.NoError(t, err)
		require.Empty(t, page)
	})
}

func TestRepeatedCreateFindsTheFirst(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		ctx := t.Context()
		first, created, err := b.Create(ctx, alice, b.request(), "key-1")
		require.NoError(t, err)
		require.True(t, created)

		b.now = b.now.Add(time.Hour)
		delete(b.clips, b.clip) // a repeat is answered with what was stored, whatever changed since
		again, created, err := b.Create(ctx, alice, b.request(), "key-1")
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, first, again)
		b.clips[b.clip] = alice

		other := b.request()
		other.Name = "another"
		_, _, err = b.Create(ctx, alice, other, "key-1")
		require.ErrorIs(t, err, campaign.ErrIdempotency)
		require.ErrorIs(t, err, avanak.ErrConflict)

		second, created, err := b.Create(ctx, alice, b.request(), "key-2")
		require.NoError(t, err)
		require.True(t, created)
		require.NotEqual(t, first.ID, second.ID)

		b.clips[b.clip] = bob
		theirs, created, err := b.Create(ctx, bob, b.request(), "key-1")
		require.NoError(t, err)
		require.True(t, created, "a key belongs to its tenant")
		require.NotEqual(t, first.ID, theirs.ID)
	})
}

func TestSameKeyAtOnceMakesOneCampaign(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		const at = 8
		var ids [at]string
		var made [at]bool
		group, ctx := errgroup.WithContext(t.Context())
		for i := range at {
			group.Go(func() error {
				c, created, err := b.Create(ctx, alice, b.request(), "key")
				ids[i], made[i] = c.ID, created
				return err
			})
		}
		require.NoError(t, group.Wait())
		count := 0
		for i := range at {
			require.Equal(t, ids[0], ids[i])
			if made[i] {
				count++
			}
		}
		require.Equal(t, 1, count)
	})
}
