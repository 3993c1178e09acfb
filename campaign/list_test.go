package campaign_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
)

// TestListPages makes campaigns of two tenants, many within one millisecond, and reads them in pages of every size.
func TestListPages(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		other := avanak.NewID(avanak.ClipPrefix, noon)
		b.clips[other] = bob
		var want []string
		for i := range 150 {
			if i%110 == 0 {
				b.now = b.now.Add(time.Millisecond)
			}
			c := b.create(t)
			want = append(want, c.ID)
			if i%5 == 0 {
				_, _, err := b.Create(t.Context(), bob, campaign.Request{Name: "x", Clip: other}, "")
				require.NoError(t, err)
			}
		}
		for _, limit := range []int{1000, 75, 0, 11} {
			var got []string
			cursor, pages := "", 0
			for {
				page, next, err := b.List(t.Context(), alice, cursor, limit)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page), 200)
				for _, c := range page {
					require.Equal(t, alice, c.Tenant)
					require.Equal(t, avanak.Loading, c.Run)
					got = append(got, c.ID)
				}
				if next == "" {
					break
				}
				pages++
				require.LessOrEqual(t, pages, 40)
				require.NotEqual(t, cursor, next)
				cursor = next
			}
			require.Len(t, got, len(want))
			require.ElementsMatch(t, want, got)
		}
	})
}

func TestListIsNewestFirst(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		var want []string
		for i := range 5 {
			b.now = noon.Add(time.Duration(i) * time.Minute)
			// Derived ids do not sort by age: the order must not come from them.
			c, _, err := b.Create(t.Context(), alice, b.request(), string(rune('a'+i)))
			require.NoError(t, err)
			want = slices.Insert(want, 0, c.ID)
		}
		var got []string
		page, next, err := b.List(t.Context(), alice, "", 3)
		require.NoError(t, err)
		require.Len(t, page, 3)
		more, next, err := b.List(t.Context(), alice, next, 3)
		require.NoError(t, err)
		require.Empty(t, next)
		for _, c := range append(page, more...) {
			got = append(got, c.ID)
		}
		require.Equal(t, want, got)
	})
}

// TestListLooksAtSoMuchOnly: a tenant whose campaigns lie behind very many of others gets there in several pages.
func TestListLooksAtSoMuchOnly(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		mine := b.create(t)
		b.clips[b.clip] = bob
		for range 1100 {
			b.now = b.now.Add(time.Millisecond)
			_, _, err := b.Create(t.Context(), bob, b.request(), "")
			require.NoError(t, err)
		}
		page, next, err := b.List(t.Context(), alice, "", 0)
		require.NoError(t, err)
		require.Empty(t, page)
		require.NotEmpty(t, next)
		page, next, err = b.List(t.Context(), alice, next, 0)
		require.NoError(t, err)
		require.Empty(t, next)
		require.Len(t, page, 1)
		require.Equal(t, mine.ID, page[0].ID)
	})
}

func TestListRefusesMadeUpCursors(t *testing.T) {
	s, err := campaign.New(campaign.Config{}, noJobs{}, shelf{}, lost{})
	require.NoError(t, err)
	id := avanak.NewID(avanak.CampaignPrefix, noon)
	for _, cursor := range []string{"x", ".", "-1." + id, "1." + id[1:], "1", "zzzzzzzzzzzzz." + id, id, "1.cmp_{}"} {
		_, _, err := s.List(t.Context(), alice, cursor, 0)
		require.ErrorIs(t, err, avanak.ErrInvalid, cursor)
	}
}
