package campaign_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/internal/redistest"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/store"
)

const (
	alice = "tnt_alice"
	bob   = "tnt_bob"
)

// noon is inside the default window; night is outside.
var (
	noon  = time.Date(2025, 6, 1, 12, 0, 0, 123_456_789, time.FixedZone("IRST", 12600))
	night = noon.Add(13 * time.Hour)
)

// shelf is a Clips: which tenant has which clips.
type shelf map[string]string

func (s shelf) Get(_ context.Context, tenant, id string) (avanak.Clip, error) {
	if s[id] != tenant {
		return avanak.Clip{}, avanak.ErrNotFound
	}
	return avanak.Clip{ID: id, Tenant: tenant}, nil
}

// lost is a Suppressions that cannot answer: with an error, or with nothing.
type lost struct{ err error }

func (l lost) HasMany(context.Context, []avanak.Number) ([]bool, error) { return nil, l.err }

// noJobs is a Jobs for what must be refused before the queue is asked.
type noJobs struct{ campaign.Jobs }

// bench is a service on real parts, and the parts.
type bench struct {
	*campaign.Service
	queue      *queue.Queue
	suppressed *store.Suppressions
	clips      shelf
	clip       string // of alice
	now        time.Time
}

func newBench(t *testing.T, rdb redis.UniversalClient, cfg campaign.Config) *bench {
	t.Helper()
	q, err := queue.New(queue.DefaultConfig(), rdb)
	require.NoError(t, err)
	b := &bench{queue: q, suppressed: store.NewSuppressions(rdb), now: noon, clip: avanak.NewID(avanak.ClipPrefix, noon)}
	b.clips = shelf{b.clip: alice}
	b.Service, err = campaign.New(cfg, q, b.clips, b.suppressed)
	require.NoError(t, err)
	b.SetNow(func() time.Time { return b.now })
	return b
}

// both runs a test on a real Redis and on miniredis.
func both(t *testing.T, cfg campaign.Config, test func(t *testing.T, b *bench)) {
	t.Helper()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) { test(t, newBench(t, rdb, cfg)) })
}

func (b *bench) request() campaign.Request { return campaign.Request{Name: "reminder", Clip: b.clip} }

func (b *bench) create(t *testing.T) avanak.Campaign {
	t.Helper()
	c, created, err := b.Create(t.Context(), alice, b.request(), "")
	require.NoError(t, err)
	require.True(t, created)
	return c
}

func (b *bench) progress(t *testing.T, id string) avanak.Progress {
	t.Helper()
	_, p, err := b.Get(t.Context(), alice, id)
	require.NoError(t, err)
	return p
}

// recipients lists a campaign's recipients by number.
func (b *bench) recipients(t *testing.T, id string) map[avanak.Number]avanak.State {
	t.Helper()
	_, results, err := b.Results(t.Context(), alice, id)
	require.NoError(t, err)
	all := map[avanak.Number]avanak.State{}
	for r, err := range results {
		require.NoError(t, err)
		require.Equal(t, uint32(len(all)), r.Ordinal)
		all[r.Number] = r.State
	}
	return all
}

func TestNewRefusesBadSettings(t *testing.T) {
	for _, cfg := range []campaign.Config{{MaxRecipients: -1}, {MaxRecipients: 100_000_001}, {MaxRecipients: 10, MaxHeld: 9},
		{MaxHeld: -1}} {
		_, err := campaign.New(cfg, &queue.Queue{}, shelf{}, lost{})
		require.ErrorIs(t, err, avanak.ErrInvalid, "%+v", cfg)
	}
	_, err := campaign.New(campaign.Config{}, nil, shelf{}, lost{})
	require.ErrorIs(t, err, avanak.ErrInvalid)
	require.NoError(t, campaign.DefaultConfig().Validate())
	require.Equal(t, 10_000_000, campaign.DefaultConfig().MaxRecipients)
}

// TestOneTenantNeverSeesTheOthers tries every method with an id of somebody else, and with ids that cannot exist.
func TestOneTenantNeverSeesTheOthers(t *testing.T) {
	both(t, campaign.Config{}, func(t *testing.T, b *bench) {
		ctx := t.Context()
		c := b.create(t)
		m, _, err := b.Send(ctx, alice, campaign.MessageRequest{Clip: b.clip, Number: 989120000001}, "")
		require.NoError(t, err)

		calls := map[string]func(tenant, id string) error{
			"get":    func(tenant, id string) error { _, _, err := b.Get(ctx, tenant, id); return err },
			"start":  func(tenant, id string) error { _, _, err := b.Start(ctx, tenant, id); return err },
			"pause":  func(tenant, id string) error { _, _, err := b.Pause(ctx, tenant, id); return err },
			"resume": func(tenant, id string) error { _, _, err := b.Resume(ctx, tenant, id); return err },
			"cancel": func(tenant, id string) error { _, _, err := b.Cancel(ctx, tenant, id); return err },
			"load": func(tenant, id string) error {
				_, err := b.Load(ctx, tenant, id, campaign.CSV, failingReader{errors.New("nobody reads this")})
				return err
			},
			"results": func(tenant, id string) error { _, _, err := b.Results(ctx, tenant, id); return err },
			"message": func(tenant, id string) error { _, err := b.Message(ctx, tenant, id); return err },
		}
		for name, call := range calls {
			foreign := c.ID
			missing := avanak.NewID(avanak.CampaignPrefix, noon)
			if name == "message" {
				foreign, missing = m.ID, avanak.NewID(avanak.MessagePrefix, noon)
			}
			theirs := call(bob, foreign)
			require.ErrorIs(t, theirs, avanak.ErrNotFound, name)
			none := call(bob, missing)
			require.ErrorIs(t, none, avanak.ErrNotFound, name)
			require.Len(t, theirs.Error(), len(none.Error()), name)
			for _, id := range []string{"", "x", "09120000001", foreign[:len(foreign)-1], foreign + "0", "cmp_}{:*",
				"msg_" + foreign[4:len(foreign)-1] + "\x00"} {
				err := call(alice, id)
				require.ErrorIs(t, err, avanak.ErrNotFound, name)
				require.NotContains(t, err.Error(), "0912")
			}
		}
		page, next, err := b.List(ctx, bob, "", 0)
		require.NoError(t, err)
		require.Empty(t, page)
		require.Empty(t, next)
		require.Equal(t, avanak.Loading, b.progress(t, c.ID).Run)
	})
}

func TestRedisAwayIsUnavailable(t *testing.T) {
	server := redistest.Start(t)
	// A client that does not try again: what is looked at is the error.
	rdb := redis.NewClient(&redis.Options{Network: "unix", Addr: server.Socket(), MaxRetries: -1, DialerRetries: 1})
	defer rdb.Close()
	b := newBench(t, rdb, campaign.Config{})
	c := b.create(t)
	server.Kill()
	ctx := t.Context()
	_, _, err := b.Create(ctx, alice, b.request(), "key")
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	_, _, err = b.Start(ctx, alice, c.ID)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	_, _, err = b.List(ctx, alice, "", 0)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	_, _, err = b.Send(ctx, alice, campaign.MessageRequest{Clip: b.clip, Number: 989120000001}, "key")
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	_, err = b.Load(ctx, alice, c.ID, campaign.CSV, failingReader{errors.New("nobody reads this")})
	require.ErrorIs(t, err, avanak.ErrUnavailable)
}
