package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestCreateIsIdempotent(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := spec(f.now)
		created, err := f.CreateCampaign(t.Context(), c, "one")
		require.NoError(t, err)
		require.True(t, created)
		created, err = f.CreateCampaign(t.Context(), c, "one")
		require.NoError(t, err)
		require.False(t, created)
		_, err = f.CreateCampaign(t.Context(), c, "two")
		require.ErrorIs(t, err, avanak.ErrConflict)

		got, p, err := f.Campaign(t.Context(), c.ID)
		require.NoError(t, err)
		require.Equal(t, c, got)
		require.Equal(t, avanak.Loading, p.Run)
		_, _, err = f.Campaign(t.Context(), avanak.NewID(avanak.CampaignPrefix, f.now))
		require.ErrorIs(t, err, avanak.ErrNotFound)
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, nil)
		require.NoError(t, f.rdb.HSet(t.Context(), keysOf(c.ID).hash, "v", schema+1).Err())
		_, _, err := f.Campaign(t.Context(), c.ID)
		require.ErrorIs(t, err, ErrSchema)
	})
}

func TestCampaignsListsNewestFirst(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		var ids []string
		for range 5 {
			f.advance(time.Second)
			c := spec(f.now)
			_, err := f.CreateCampaign(t.Context(), c, "fp")
			require.NoError(t, err)
			ids = append([]string{c.ID}, ids...)
		}
		got, err := f.Campaigns(t.Context(), time.Time{}, 3)
		require.NoError(t, err)
		require.Equal(t, ids[:3], got)
		got, err = f.Campaigns(t.Context(), f.now.Add(-2*time.Second), 10)
		require.NoError(t, err)
		require.Equal(t, ids[3:], got)
	})
}

func TestLoadIsAllOrNothing(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := spec(f.now)
		ctx := t.Context()
		_, err := f.CreateCampaign(ctx, c, "fp")
		require.NoError(t, err)
		_, err = f.SetRun(ctx, c, "", avanak.Running)
		require.ErrorIs(t, err, avanak.ErrConflict, "nobody to call")

		f.load(c, numbers(1, SegmentSize-1), make([]avanak.State, SegmentSize-1), 2)

		// An upload that breaks off leaves nothing, and keeps the campaign from starting with half a list.
		broken, err := f.BeginLoad(ctx, c.ID, "broken")
		require.NoError(t, err)
		require.NoError(t, broken.Append(ctx, numbers(50_000, 3), make([]avanak.State, 3)))
		require.Equal(t, SegmentSize-1, f.progress(c).Recipients)
		_, err = f.SetRun(ctx, c, "", avanak.Running)
		require.ErrorIs(t, err, avanak.ErrConflict)

		// A later upload takes its place: the earlier one has lost its right.
		later, err := f.BeginLoad(ctx, c.ID, "later")
		require.NoError(t, err)
		require.ErrorIs(t, broken.Append(ctx, numbers(60_000, 1), make([]avanak.State, 1)), avanak.ErrConflict)
		require.ErrorIs(t, broken.Commit(ctx, 0), avanak.ErrConflict)
		require.NoError(t, later.Append(ctx, numbers(20_000, 3), []avanak.State{0, avanak.IsSuppressed, 0}))
		require.NoError(t, later.Commit(ctx, 1))
		require.NoError(t, later.Commit(ctx, 1), "a repeated commit changes nothing")

		p := f.progress(c)
		require.Equal(t, SegmentSize+2, p.Recipients)
		require.Equal(t, 3, p.Rejected)
		require.Equal(t, 1, p.States[avanak.IsSuppressed])
		rows := f.results(c)
		for i, n := range numbers(20_000, 3) {
			require.Equal(t, n, rows[SegmentSize-1+i].Number)
		}
		f.audit(c)

		l, err := f.BeginLoad(ctx, c.ID, "look")
		require.NoError(t, err)
		n := 0
		for number, err := range l.Numbers(ctx) {
			require.NoError(t, err)
			require.Equal(t, rows[n].Number, number)
			n++
		}
		require.Equal(t, p.Recipients, n)
		require.NoError(t, l.Commit(ctx, 0), "an empty upload is no harm")
	})
}

func TestRecipientsCannotBeAddedAfterTheStart(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, nil)
		_, err := f.BeginLoad(t.Context(), c.ID, "x")
		require.ErrorIs(t, err, avanak.ErrConflict)
	})
}

func TestRunMoves(t *testing.T) {
	moves := []avanak.Run{avanak.Running, avanak.Paused, avanak.CancelledRun}
	allowed := map[avanak.Run][]bool{
		avanak.Running:      {true, true, true},
		avanak.Paused:       {true, true, true},
		avanak.CancelledRun: {false, false, true},
	}
	both(t, func(t *testing.T, f *fixture) {
		for from, want := range allowed {
			for i, to := range moves {
				c := f.campaign(1, nil)
				_, err := f.SetRun(t.Context(), c, "", from)
				require.NoError(t, err)
				got, err := f.SetRun(t.Context(), c, "", to)
				if want[i] {
					require.NoError(t, err, "%s to %s", from, to)
					require.Equal(t, to, got)
				} else {
					require.ErrorIs(t, err, avanak.ErrConflict, "%s to %s", from, to)
					require.Equal(t, from, f.progress(c).Run)
				}
			}
		}
		_, err := f.SetRun(t.Context(), spec(f.now), "", avanak.Paused)
		require.ErrorIs(t, err, avanak.ErrNotFound)
	})
}

func TestCampaignOfSuppressedNumbersIsDoneAtItsStart(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := spec(f.now)
		_, err := f.CreateCampaign(t.Context(), c, "fp")
		require.NoError(t, err)
		f.load(c, numbers(1, 2), []avanak.State{avanak.IsSuppressed, avanak.IsSuppressed}, 0)
		run, err := f.SetRun(t.Context(), c, "", avanak.Running)
		require.NoError(t, err)
		require.Equal(t, avanak.Done, run)
		active, err := f.Active(t.Context())
		require.NoError(t, err)
		require.Empty(t, active)
	})
}

func TestPauseAndCancelBindClaimAndDial(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(5, nil)
		held := f.claim(c, 2)
		_, err := f.SetRun(t.Context(), c, "", avanak.Paused)
		require.NoError(t, err)
		_, err = f.Claim(t.Context(), c, 1)
		require.ErrorIs(t, err, ErrPaused)
		_, err = f.Dial(t.Context(), held[0])
		require.ErrorIs(t, err, ErrPaused)
		_, err = f.SetRun(t.Context(), c, "", avanak.Running)
		require.NoError(t, err)
		i := f.dial(held[0])
		_, err = f.SetRun(t.Context(), c, "", avanak.CancelledRun)
		require.NoError(t, err)
		_, err = f.Dial(t.Context(), held[1])
		require.ErrorIs(t, err, ErrCancelled)
		require.Equal(t, SettledFinal, f.settle(i, avanak.Busy), "a cancelled campaign has no retries")

		p := f.progress(c)
		require.Equal(t, 4, p.States[avanak.Cancelled])
		require.Equal(t, 1, p.States[avanak.WasBusy])
		require.Zero(t, p.Open())
		require.Equal(t, avanak.Cancelled, f.results(c)[1].State)
		active, err := f.Active(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{c.ID}, active, "one lease is left to be taken up")
		f.advance(f.cfg.ClaimTTL)
		require.Equal(t, Reaped{Requeued: 1}, f.reap(c))
		require.Zero(t, f.progress(c).InFlight)
		active, err = f.Active(t.Context())
		require.NoError(t, err)
		require.Empty(t, active, "at rest")
		f.audit(c)
	})
}

// The dispatcher gives a cancelled campaign's claims back; the next round of upkeep lets go of the campaign.
func TestCancelledCampaignIsLetGoOfWhenItsClaimsAreBack(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(3, nil)
		held := f.claim(c, 2)
		_, err := f.SetRun(t.Context(), c, "", avanak.CancelledRun)
		require.NoError(t, err)
		require.NoError(t, f.Release(t.Context(), held...))
		require.Zero(t, f.reap(c))
		active, err := f.Active(t.Context())
		require.NoError(t, err)
		require.Empty(t, active)
	})
}

func TestWindowBindsClaimAndDial(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(3, nil)
		ctx := t.Context()
		held := f.claim(c, 1)
		until := f.now.Add(10 * time.Second)
		require.NoError(t, f.OpenWindow(ctx, c.ID, f.now, until))
		f.advance(10*time.Second - f.cfg.Guard) // the call could not leave in time any more
		_, err := f.Dial(ctx, held[0])
		require.ErrorIs(t, err, ErrWindowClosed)
		f.advance(f.cfg.Guard)
		_, err = f.Claim(ctx, c, 1)
		require.ErrorIs(t, err, ErrWindowClosed)
		require.NoError(t, f.OpenWindow(ctx, c.ID, f.now.Add(time.Hour), f.now.Add(2*time.Hour)))
		_, err = f.Claim(ctx, c, 1)
		require.ErrorIs(t, err, ErrWindowClosed, "not open yet")
		f.advance(time.Hour)
		require.Len(t, f.claim(c, 1), 1)
		require.ErrorIs(t, f.OpenWindow(ctx, "cmp_none", f.now, f.now), avanak.ErrNotFound)
	})
}
