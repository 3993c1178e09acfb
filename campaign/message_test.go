package campaign_test

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/internal/redistest"
	"github.com/avanak/avanak/queue"
)

func (b *bench) message() campaign.MessageRequest {
	return campaign.MessageRequest{Clip: b.clip, Number: 989120000001}
}

func TestSendFillsInDefaults(t *testing.T) {
	both(t, campaign.Config{Sandbox: true}, func(t *testing.T, b *bench) {
		st, created, err := b.Send(t.Context(), alice, b.message(), "")
		require.NoError(t, err)
		require.True(t, created)
		require.True(t, avanak.ValidID(avanak.MessagePrefix, st.ID))
		at := noon.UTC().Truncate(time.Millisecond)
		require.Equal(t, avanak.MessageStatus{Message: avanak.Message{ID: st.ID, Tenant: alice, Clip: b.clip,
			Number: 989120000001, Window: avanak.DefaultWindow(), Retry: campaign.DefaultMessageRetry(), Ring: avanak.DefaultRing,
			OnUncertain: avanak.Hold, Sandbox: true, Accepted: at, Expires: at.Add(10 * time.Minute)}}, st)
		stored, err := b.Message(t.Context(), alice, st.ID)
		require.NoError(t, err)
		require.Equal(t, st, stored)
		waiting, err := b.queue.Waiting(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{avanak.PartitionOf(st.ID)}, waiting)
	})
}

func TestSendRefuses(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.suppressed.Add(t.Context(), 989120000002))
		for name, tt := range map[string]struct {
			change func(*campaign.MessageRequest)
			is     error
		}{
			"no number":     {func(r *campaign.MessageRequest) { r.Number = 0 }, avanak.ErrNumber},
			"abroad":        {func(r *campaign.MessageRequest) { r.Number = 440000000000 }, avanak.ErrDestination},
			"premium":       {func(r *campaign.MessageRequest) { r.Number = 989090000000 }, avanak.ErrDestination},
			"suppressed":    {func(r *campaign.MessageRequest) { r.Number = 989120000002 }, campaign.ErrSuppressed},
			"caller":        {func(r *campaign.MessageRequest) { r.Caller = 1 }, avanak.ErrInvalid},
			"clip":          {func(r *campaign.MessageRequest) { r.Clip = avanak.NewID(avanak.ClipPrefix, noon) }, avanak.ErrInvalid},
			"no clip":       {func(r *campaign.MessageRequest) { r.Clip = "" }, avanak.ErrInvalid},
			"short life":    {func(r *campaign.MessageRequest) { r.ExpiresIn = time.Millisecond }, avanak.ErrInvalid},
			"negative life": {func(r *campaign.MessageRequest) { r.ExpiresIn = -time.Minute }, avanak.ErrInvalid},
			"long life":     {func(r *campaign.MessageRequest) { r.ExpiresIn = time.Hour + 1 }, avanak.ErrInvalid},
			"ring":          {func(r *campaign.MessageRequest) { r.Ring = time.Millisecond }, avanak.ErrInvalid},
			"on uncertain":  {func(r *campaign.MessageRequest) { r.OnUncertain = "x" }, avanak.ErrInvalid},
			"window":        {func(r *campaign.MessageRequest) { r.Window = &avanak.Window{} }, avanak.ErrInvalid},
			"closed":        {func(r *campaign.MessageRequest) { r.Window = &avanak.Window{From: 60, To: 120} }, queue.ErrWindowClosed},
		} {
			for _, key := range []string{"", name} {
				r := b.message()
				tt.change(&r)
				_, created, err := b.Send(t.Context(), alice, r, key)
				require.ErrorIs(t, err, tt.is, name)
				require.NotContains(t, err.Error(), "9120000")
				require.NotErrorIs(t, err, avanak.ErrNotFound, name)
				require.False(t, created)
			}
		}
		waiting, err := b.queue.Waiting(t.Context())
		require.NoError(t, err)
		require.Empty(t, waiting)
	})
}

func TestSendFailsClosedWithoutSuppressions(t *testing.T) {
	for _, fault := range []error{errors.Join(avanak.ErrUnavailable, errors.New("away")), nil} {
		s, err := campaign.New(campaign.Config{}, noJobs{}, shelf{"clp_00000000000000000000000000": alice}, lost{fault})
		require.NoError(t, err)
		_, _, err = s.Send(t.Context(), alice, campaign.MessageRequest{Clip: "clp_00000000000000000000000000",
			Number: 989120000001}, "")
		require.ErrorIs(t, err, avanak.ErrUnavailable)
	}
}

// TestRepeatedSendFindsTheFirst repeats a request when every condition has changed: the window closed, the number was
// suppressed, the clip deleted. The answer is what was accepted.
func TestRepeatedSendFindsTheFirst(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		ctx := t.Context()
		first, created, err := b.Send(ctx, alice, b.message(), "key")
		require.NoError(t, err)
		require.True(t, created)

		b.now = night
		require.NoError(t, b.suppressed.Add(ctx, 989120000001))
		delete(b.clips, b.clip)
		again, created, err := b.Send(ctx, alice, b.message(), "key")
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, first, again)

		for _, change := range []func(*campaign.MessageRequest){
			func(r *campaign.MessageRequest) { r.Number++ },
			func(r *campaign.MessageRequest) { r.ExpiresIn = time.Minute },
			func(r *campaign.MessageRequest) { r.Window = &avanak.Window{To: 1440} },
		} {
			other := b.message()
			change(&other)
			_, _, err = b.Send(ctx, alice, other, "key")
			require.ErrorIs(t, err, campaign.ErrIdempotency)
		}
		b.clips[b.clip] = alice
		_, _, err = b.Send(ctx, alice, b.message(), "key-2")
		require.ErrorIs(t, err, campaign.ErrSuppressed)
	})
}

func TestFullLaneIsLimited(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		b := newBench(t, rdb, campaign.Config{})
		cfg := queue.DefaultConfig()
		cfg.FastLimit = 1
		narrow, err := queue.New(cfg, rdb)
		require.NoError(t, err)
		s, err := campaign.New(campaign.Config{}, narrow, b.clips, b.suppressed)
		require.NoError(t, err)
		s.SetNow(func() time.Time { return noon })
		accepted := 0
		for range avanak.Partitions + 1 { // one more than fit
			_, created, sendErr := s.Send(t.Context(), alice, b.message(), "")
			if err = errors.Join(err, sendErr); created {
				accepted++
			}
		}
		require.ErrorIs(t, err, avanak.ErrLimited)
		require.ErrorIs(t, err, queue.ErrFull)
		require.LessOrEqual(t, accepted, avanak.Partitions)
	})
}
