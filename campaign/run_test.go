package campaign_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/queue"
)

type move func(ctx context.Context, tenant, id string) (avanak.Campaign, avanak.Progress, error)

// TestRunStates walks every move from every run state.
func TestRunStates(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		moves := map[string]move{"start": b.Start, "pause": b.Pause, "resume": b.Resume, "cancel": b.Cancel}
		ways := map[avanak.Run][]string{
			avanak.Loading: {}, avanak.Running: {"start"}, avanak.Paused: {"start", "pause"}, avanak.CancelledRun: {"cancel"},
		}
		allowed := map[avanak.Run]map[string]avanak.Run{
			avanak.Loading:      {"start": avanak.Running, "cancel": avanak.CancelledRun},
			avanak.Running:      {"start": avanak.Running, "resume": avanak.Running, "pause": avanak.Paused, "cancel": avanak.CancelledRun},
			avanak.Paused:       {"pause": avanak.Paused, "resume": avanak.Running, "cancel": avanak.CancelledRun},
			avanak.CancelledRun: {"cancel": avanak.CancelledRun},
		}
		for from, way := range ways {
			for name, try := range moves {
				c := b.create(t)
				b.load(t, c.ID, "09120000001\n")
				for _, step := range way {
					_, _, err := moves[step](t.Context(), alice, c.ID)
					require.NoError(t, err)
				}
				got, p, err := try(t.Context(), alice, c.ID)
				want, ok := allowed[from][name]
				if !ok {
					require.ErrorIs(t, err, avanak.ErrConflict, "%s from %s", name, from)
					require.Equal(t, from, b.progress(t, c.ID).Run)
					continue
				}
				require.NoError(t, err, "%s from %s", name, from)
				require.Equal(t, want, p.Run, "%s from %s", name, from)
				require.Equal(t, c, got)
				require.Equal(t, want, b.progress(t, c.ID).Run)
			}
		}
	})
}

func TestStartNeedsRecipients(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		c := b.create(t)
		_, _, err := b.Start(t.Context(), alice, c.ID)
		require.ErrorIs(t, err, avanak.ErrConflict)
		require.Equal(t, avanak.Loading, b.progress(t, c.ID).Run)
	})
}

func TestStartWithNobodyToCallIsDone(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.suppressed.Add(t.Context(), 989120000001))
		c := b.create(t)
		b.load(t, c.ID, "09120000001\n")
		_, p, err := b.Start(t.Context(), alice, c.ID)
		require.NoError(t, err)
		require.Equal(t, avanak.Done, p.Run)
		_, _, err = b.Start(t.Context(), alice, c.ID)
		require.ErrorIs(t, err, avanak.ErrConflict)
		_, _, err = b.Cancel(t.Context(), alice, c.ID)
		require.ErrorIs(t, err, avanak.ErrConflict)
	})
}

// TestStartOpensTheWindow claims right behind the start, as a dispatcher that is woken does.
func TestStartOpensTheWindow(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		b.now = time.Now() // the queue's clock is Redis' own
		for name, tt := range map[string]struct {
			window avanak.Window
			open   bool
		}{
			"always open":  {avanak.Window{To: 1440, Zone: "UTC"}, true},
			"next in days": {avanak.Window{To: 1440, Zone: "UTC", Days: 1 << ((b.now.UTC().Weekday() + 3) % 7)}, false},
		} {
			r := b.request()
			r.Window = &tt.window
			c, _, err := b.Create(t.Context(), alice, r, "")
			require.NoError(t, err)
			b.load(t, c.ID, "09120000001\n")
			_, p, err := b.Start(t.Context(), alice, c.ID)
			require.NoError(t, err, name)
			require.Equal(t, avanak.Running, p.Run)
			active, err := b.queue.Active(t.Context())
			require.NoError(t, err)
			require.Contains(t, active, c.ID)

			claims, err := b.queue.Claim(t.Context(), c, 1)
			if tt.open {
				require.NoError(t, err, name)
				require.Len(t, claims, 1)
			} else {
				require.ErrorIs(t, err, queue.ErrWindowClosed, name)
			}
		}
	})
}
