package redistest

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Both runs test twice, each time on an empty store: as subtest "redis" on a real server and as "miniredis" on miniredis.
// What holds on both is what the code may lean on.
func Both(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) { test(t, Start(t).Client()) })
	t.Run("miniredis", func(t *testing.T) {
		mini := miniredis.RunT(t)
		rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
		t.Cleanup(func() { _ = rdb.Close() })
		test(t, rdb)
	})
}
