package store

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

// number returns the i-th number of the range that tests use.
func number(i int) avanak.Number { return 98912_000_0000 + avanak.Number(i) } //nolint:gosec // small

func TestSuppressions(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx, s := t.Context(), NewSuppressions(rdb)
		held, err := s.Has(ctx, number(1))
		require.NoError(t, err)
		require.False(t, held)

		require.NoError(t, s.Add(ctx))
		require.NoError(t, s.Add(ctx, number(1), number(2), number(65), number(1)))
		require.NoError(t, s.Add(ctx, number(1)))
		count, err := s.Count(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 3, count)

		many, err := s.HasMany(ctx, []avanak.Number{number(65), number(3), number(1), number(1), 0, number(2)})
		require.NoError(t, err)
		require.Equal(t, []bool{true, false, true, true, false, true}, many)
		many, err = s.HasMany(ctx, nil)
		require.NoError(t, err)
		require.Empty(t, many)

		require.NoError(t, s.Remove(ctx, number(1), number(9)))
		held, err = s.Has(ctx, number(1))
		require.NoError(t, err)
		require.False(t, held)
		held, err = s.Has(ctx, number(65)) // same set
		require.NoError(t, err)
		require.True(t, held)

		require.ErrorIs(t, s.Add(ctx, number(7), 0), avanak.ErrInvalid)
		held, err = s.Has(ctx, number(7))
		require.NoError(t, err)
		require.False(t, held)
	})
}

func TestSuppressionsAreSeenByOthersAtOnce(t *testing.T) {
	rdb := redistest.Start(t).Client()
	one, other := NewSuppressions(rdb), NewSuppressions(rdb)
	for i := range 100 {
		held, err := other.Has(t.Context(), number(i))
		require.NoError(t, err)
		require.False(t, held)
		require.NoError(t, one.Add(t.Context(), number(i)))
		held, err = other.Has(t.Context(), number(i))
		require.NoError(t, err)
		require.True(t, held)
	}
}

func TestManySuppressions(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx, s := t.Context(), NewSuppressions(rdb)
		const n = supBatch + 7 // several round trips
		asked := make([]avanak.Number, n)
		var added []avanak.Number
		for i := range asked {
			asked[i] = number(i)
			if i%3 == 0 {
				added = append(added, number(i))
			}
		}
		require.NoError(t, s.Add(ctx, added...))
		held, err := s.HasMany(ctx, asked)
		require.NoError(t, err)
		for i := range asked {
			require.Equal(t, i%3 == 0, held[i], "number %d", i)
		}
		count, err := s.Count(ctx)
		require.NoError(t, err)
		require.EqualValues(t, len(added), count)
	})
}

func TestSuppressionSetsAreSmallWhileTheyAreFew(t *testing.T) {
	rdb := redistest.Start(t).Client()
	require.NoError(t, NewSuppressions(rdb).Add(t.Context(), number(1)))
	encoding, err := rdb.ObjectEncoding(t.Context(), supKey(supShard(number(1)))).Result()
	require.NoError(t, err)
	require.Equal(t, "intset", encoding)
}
