package store

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

func TestPrepare(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before map[string]any // fields of the layout
		text   string         // of the refusal, "" where none
	}{
		{"empty store", nil, ""},
		{"store of this build", map[string]any{"schema": Schema, "partitions": avanak.Partitions}, ""},
		{"newer schema", map[string]any{"schema": Schema + 1, "partitions": avanak.Partitions}, "start the newer gateway"},
		{"other partitions", map[string]any{"schema": Schema, "partitions": 16}, "the store has 16 partitions"},
		{"damaged", map[string]any{"schema": "x"}, "schema"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
				if tt.before != nil {
					require.NoError(t, rdb.HSet(t.Context(), metaKey, tt.before).Err())
				}
				for range 2 {
					err := Prepare(t.Context(), rdb)
					if tt.text == "" {
						require.NoError(t, err)
						continue
					}
					require.ErrorIs(t, err, avanak.ErrConflict)
					require.ErrorContains(t, err, tt.text)
				}
			})
		})
	}
}

func TestErrorsTellWhetherRedisIsAway(t *testing.T) {
	s := redistest.Start(t)
	opts := s.Options()
	opts.MaxRetries, opts.DialerRetries = -1, 1
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	sup := NewSuppressions(rdb)

	// A wrong type is somebody's bug, not an outage.
	require.NoError(t, rdb.Set(t.Context(), supKey(0), "x", 0).Err())
	_, err := sup.Has(t.Context(), 64)
	require.ErrorContains(t, err, "WRONGTYPE")
	require.NotErrorIs(t, err, avanak.ErrUnavailable)

	require.NoError(t, rdb.ConfigSet(t.Context(), "maxmemory", "1").Err())
	require.ErrorIs(t, sup.Add(t.Context(), number(1)), avanak.ErrUnavailable, "OOM")
	require.NoError(t, rdb.ConfigSet(t.Context(), "maxmemory", "0").Err())

	require.NoError(t, rdb.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err())
	require.ErrorIs(t, sup.Add(t.Context(), number(1)), avanak.ErrUnavailable, "READONLY")

	s.Kill()
	_, err = sup.Has(t.Context(), number(1))
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	_, err = sup.HasMany(t.Context(), []avanak.Number{number(1)})
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	_, err = sup.Count(t.Context())
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	require.ErrorIs(t, Prepare(t.Context(), rdb), avanak.ErrUnavailable)
	_, err = Probe(t.Context(), rdb)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	keys, err := NewKeys(Config{}, rdb)
	require.NoError(t, err)
	_, _, err = keys.Mint(t.Context(), "acme", "n", nil)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	_, err = keys.Verify(t.Context(), newPresented(KeyPrefix+"00000000000000000000000000"))
	require.ErrorIs(t, err, avanak.ErrUnavailable)
}
