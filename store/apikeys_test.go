package store

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

func newKeys(t *testing.T, rdb redis.UniversalClient) *Keys {
	t.Helper()
	k, err := NewKeys(Config{}, rdb)
	require.NoError(t, err)
	return k
}

func TestKeys(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		ctx, k := t.Context(), newKeys(t, rdb)
		presented, key, err := k.Mint(ctx, "acme", "لپ\u200cتاپ", []string{"campaigns:write"})
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(presented, "avk_live_"+key.ID[len(KeyPrefix):]+"_"))
		require.Len(t, presented, 95)

		want := Principal{KeyID: key.ID, Tenant: "acme", Scopes: []string{"campaigns:write"}}
		for range 2 { // from Redis, from memory
			p, err := k.Verify(ctx, presented)
			require.NoError(t, err)
			require.Equal(t, want, p)
		}
		require.True(t, want.Has("campaigns:write"))
		require.False(t, want.Has("operator"))

		record, err := rdb.Get(ctx, apiKeyKey(key.ID)).Result()
		require.NoError(t, err)
		require.NotContains(t, record, presented[secretStart:sumStart])

		require.ErrorIs(t, k.Revoke(ctx, "rival", key.ID), avanak.ErrNotFound)
		require.ErrorIs(t, k.Revoke(ctx, "acme", "operator"), avanak.ErrNotFound)
		require.ErrorIs(t, k.Revoke(ctx, "acme", avanak.NewID(KeyPrefix, noon)), avanak.ErrNotFound)
		_, err = k.Verify(ctx, presented)
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, k.Revoke(ctx, "acme", key.ID))
			_, err = k.Verify(ctx, presented)
			require.ErrorIs(t, err, ErrKey)
		}
	})
}

func TestMintRefuses(t *testing.T) {
	k := newKeys(t, redistest.Start(t).Client())
	for _, tt := range []struct {
		tenant, name string
		scopes       []string
	}{
		{"", "n", nil}, {"a:b", "n", nil}, {"acme", "", nil}, {"acme", strings.Repeat("ن", maxKeyName+1), nil},
		{"acme", "n", []string{""}}, {"acme", "n", []string{strings.Repeat("s", maxScope+1)}}, {"acme", "n", make([]string, maxScopes+1)},
	} {
		_, _, err := k.Mint(t.Context(), tt.tenant, tt.name, tt.scopes)
		require.ErrorIs(t, err, avanak.ErrInvalid)
	}
}

func TestVerifyRefusesForgeries(t *testing.T) {
	s := redistest.Start(t)
	k := newKeys(t, s.Client())
	presented, key, err := k.Mint(t.Context(), "acme", "n", nil)
	require.NoError(t, err)
	other := newPresented(key.ID) // right id, right sum, wrong secret
	_, err = k.Verify(t.Context(), other)
	require.ErrorIs(t, err, ErrKey)
	_, err = k.Verify(t.Context(), newPresented(avanak.NewID(KeyPrefix, noon)))
	require.ErrorIs(t, err, ErrKey)
	s.Kill() // the rest never asks Redis
	for i := range presented {
		broken := []byte(presented)
		broken[i] ^= 1
		_, err = k.Verify(t.Context(), string(broken))
		require.ErrorIs(t, err, ErrKey, "byte %d", i)
	}
	for _, text := range []string{"", "avk_live_", presented[1:], presented + "0", strings.ToUpper(presented)} {
		_, err = k.Verify(t.Context(), text)
		require.ErrorIs(t, err, ErrKey)
	}
}

func TestVerifyLeansOnRedisOnlyNowAndThen(t *testing.T) {
	s := redistest.Start(t)
	opts := s.Options()
	opts.MaxRetries, opts.DialerRetries = -1, 1
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	k := newKeys(t, rdb)
	now := noon
	k.now = func() time.Time { return now }
	presented, key, err := k.Mint(t.Context(), "acme", "n", nil)
	require.NoError(t, err)
	_, err = k.Verify(t.Context(), presented)
	require.NoError(t, err)

	// Another process revokes it.
	require.NoError(t, newKeys(t, rdb).Revoke(t.Context(), "acme", key.ID))
	now = now.Add(MaxKeyCache - 1)
	_, err = k.Verify(t.Context(), presented)
	require.NoError(t, err)
	now = now.Add(1)
	_, err = k.Verify(t.Context(), presented)
	require.ErrorIs(t, err, ErrKey)

	presented, _, err = k.Mint(t.Context(), "acme", "n", nil)
	require.NoError(t, err)
	_, err = k.Verify(t.Context(), presented)
	require.NoError(t, err)
	s.Kill()
	_, err = k.Verify(t.Context(), presented)
	require.NoError(t, err)
	now = now.Add(MaxKeyCache)
	_, err = k.Verify(t.Context(), presented)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	require.NotErrorIs(t, err, ErrKey)
}

func TestPrincipalCacheIsBounded(t *testing.T) {
	c := newPrincipalCache(time.Second)
	add := func(i int, now time.Time) {
		c.add([32]byte{byte(i), byte(i >> 8)}, Principal{KeyID: strconv.Itoa(i)}, now, c.drops)
	}
	for i := range maxPrincipals + 5 {
		add(i, noon)
	}
	require.Len(t, c.byText, maxPrincipals)
	add(0xffff, noon.Add(time.Second)) // the old ones have expired
	require.Len(t, c.byText, 1)
	c.drop("65535")
	require.Empty(t, c.byText)
	c.add([32]byte{}, Principal{}, noon, c.drops-1) // read before the drop
	require.Empty(t, c.byText)
}

func FuzzSplitPresented(f *testing.F) {
	f.Add(newPresented(avanak.NewID(KeyPrefix, noon)))
	f.Add("")
	f.Add("avk_live_" + strings.Repeat("0", 86))
	f.Fuzz(func(t *testing.T, s string) {
		id, secret, ok := splitPresented(s)
		if !ok {
			return
		}
		require.True(t, avanak.ValidID(KeyPrefix, id))
		body := secretPrefix + id[len(KeyPrefix):] + "_" + secret
		require.Equal(t, s, body+checksum(body))
	})
}
