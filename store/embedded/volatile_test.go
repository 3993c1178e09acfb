package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/store"
)

// opened opens a store that ends with the test.
func opened(t *testing.T, cfg Config) (Store, *redis.Client) {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	rdb := redis.NewClient(s.Options())
	t.Cleanup(func() { _ = rdb.Close() })
	return s, rdb
}

func TestOpenWithoutServerIsVolatile(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	cfg := Config{Dir: filepath.Join(t.TempDir(), "data")}
	s, rdb := opened(t, cfg)
	require.Equal(t, store.Volatile, s.Guarantee().Durability)
	require.Contains(t, Banner, fmt.Sprint(MaxVolatileRecipients))
	require.True(t, s.Up())
	require.NoError(t, rdb.Set(t.Context(), "k", "v", 0).Err())
	require.NoDirExists(t, cfg.Dir)
	require.NoError(t, s.Close(t.Context()))
	require.False(t, s.Up())

	cfg.RequireDurable = true
	_, err := Open(t.Context(), cfg)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	require.ErrorContains(t, err, "apt install redis-server")
}

func TestOpenNeverFallsBackFromANamedServer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Open(t.Context(), Config{Dir: t.TempDir(), Binary: "redis-server"})
	require.Error(t, err)
}

func TestOpenPrefersTheServer(t *testing.T) {
	reg := prometheus.NewRegistry()
	cfg := Config{Dir: filepath.Join(t.TempDir(), "data"), Registerer: reg}
	s, _ := opened(t, cfg)
	require.IsType(t, &Server{}, s, "redis-server is missing: run make deps")
	require.Equal(t, map[string]float64{"avanak_store_durable": 1, "avanak_store_up": 1, "avanak_store_restarts_total": 0},
		gathered(t, reg))
	require.NoError(t, s.Close(t.Context()))
	require.Zero(t, gathered(t, reg)["avanak_store_up"])

	_, err := Open(t.Context(), cfg) // with the same registry
	require.ErrorContains(t, err, "register metrics")
	opened(t, Config{Dir: cfg.Dir})
}

// gathered returns the values of all metrics.
func gathered(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return values
}

func TestVolatileExpiresKeys(t *testing.T) {
	v, err := StartVolatile(Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close(t.Context())) }()
	rdb := redis.NewClient(v.Options())
	defer func() { _ = rdb.Close() }()
	require.NoError(t, rdb.Set(t.Context(), "short", "v", 300*time.Millisecond).Err())
	require.NoError(t, rdb.Set(t.Context(), "long", "v", time.Hour).Err())
	require.Eventually(t, func() bool { return rdb.Exists(t.Context(), "short").Val() == 0 }, patience, 10*time.Millisecond)
	require.EqualValues(t, 1, rdb.Exists(t.Context(), "long").Val())
}

func TestVolatileKeepsStrangersOut(t *testing.T) {
	v, err := StartVolatile(Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close(t.Context())) }()
	opts := v.Options()
	opts.Password, opts.MaxRetries = "", -1
	rdb := redis.NewClient(opts)
	defer func() { _ = rdb.Close() }()
	require.ErrorContains(t, rdb.Get(t.Context(), "k").Err(), "NOAUTH")
}

func TestValkeyIsFoundWhereRedisIsNot(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	file := filepath.Join(dir, "valkey-server")
	require.NoError(t, os.WriteFile(file, nil, 0o700)) //nolint:gosec // it must look like a program
	got, err := findBinary("")
	require.NoError(t, err)
	require.Equal(t, file, got)
}
