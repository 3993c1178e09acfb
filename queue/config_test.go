package queue

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestConfigNamesTheRuleThatItBreaks(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for rule, change := range map[string]func(*Config){
		"node must":         func(c *Config) { c.Node = "" },
		"64 letters":        func(c *Config) { c.Node = strings.Repeat("n", 65) },
		"digits":            func(c *Config) { c.Node = "a:b" },
		"lease times":       func(c *Config) { c.ClaimTTL = time.Second - 1 },
		"at least 1s":       func(c *Config) { c.DialTTL = 0 },
		"guard must":        func(c *Config) { c.Guard = -1 },
		"0s to 1m":          func(c *Config) { c.Guard = time.Minute + 1 },
		"fast_limit must":   func(c *Config) { c.FastLimit = 0 },
		"retention must be": func(c *Config) { c.Retention = time.Hour - 1 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		_, err := New(cfg, nil)
		require.ErrorIs(t, err, avanak.ErrInvalid, rule)
		require.ErrorContains(t, err, rule)
	}
}

func TestLoadRefusesWhatIsNoList(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		ctx, c := t.Context(), spec(f.now)
		_, err := f.BeginLoad(ctx, c.ID, "upload")
		require.ErrorIs(t, err, avanak.ErrNotFound)
		_, err = f.CreateCampaign(ctx, c, "fp")
		require.NoError(t, err)
		_, err = f.BeginLoad(ctx, c.ID, "")
		require.ErrorIs(t, err, avanak.ErrInvalid, "no token, no right")
		l, err := f.BeginLoad(ctx, c.ID, "upload")
		require.NoError(t, err)
		require.ErrorIs(t, l.Append(ctx, numbers(1, 2), make([]avanak.State, 1)), avanak.ErrInvalid)
		for s := avanak.Dialling; s < avanak.States; s++ {
			if s != avanak.IsSuppressed {
				require.ErrorIs(t, l.Append(ctx, numbers(1, 1), []avanak.State{s}), avanak.ErrInvalid, s)
			}
		}
		require.NoError(t, l.Append(ctx, nil, nil))
		require.NoError(t, l.Commit(ctx, 0))
		require.Zero(t, f.progress(c).Recipients)
	})
}

func TestDamagedCampaignsAreErrors(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		for field, value := range map[string]string{"spec": "{", "n": "x", "s3": "1.5"} {
			c := f.campaign(1, nil)
			require.NoError(t, f.rdb.HSet(ctx, keysOf(c.ID).hash, field, value).Err())
			_, _, err := f.Campaign(ctx, c.ID)
			require.ErrorContains(t, err, c.ID, field)
		}
		for _, key := range []func(campaignKeys, int) string{campaignKeys.numbers, campaignKeys.states, campaignKeys.results} {
			c := f.campaign(2, nil)
			require.NoError(t, f.rdb.Set(ctx, key(keysOf(c.ID), 0), "x", 0).Err())
			rows := 0
			for _, err := range f.Results(ctx, c.ID, 0) {
				require.ErrorContains(t, err, "segment 0 is short")
				rows++
			}
			require.Equal(t, 1, rows, "an error is the last row")
		}
		for _, err := range f.Results(ctx, "cmp_none", 0) {
			require.ErrorIs(t, err, avanak.ErrNotFound)
		}
	})
}

func TestResultsStartWhereAsked(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(SegmentSize+3, nil)
		for _, from := range []uint32{0, SegmentSize - 1, SegmentSize, SegmentSize + 2, SegmentSize + 3} {
			next := from
			for r, err := range f.Results(t.Context(), c.ID, from) {
				require.NoError(t, err)
				require.Equal(t, next, r.Ordinal)
				require.Equal(t, numbers(1+int(next), 1)[0], r.Number)
				next++
			}
			require.EqualValues(t, SegmentSize+3, next)
		}
	})
}
