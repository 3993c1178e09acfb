package redistest_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avanak/avanak/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStartOpensNoPort(t *testing.T) {
	s := redistest.Start(t)
	require.LessOrEqual(t, len(s.Socket()), 107)
	port, err := s.Client().ConfigGet(t.Context(), "port").Result()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"port": "0"}, port)
}

func TestStartFitsTheSocketUnderALongTempDir(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+strings.Repeat("/x", 60))
	s := redistest.Start(t)
	require.LessOrEqual(t, len(s.Socket()), 107)
}

func TestKillKeepsWhatTheFileHolds(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts []redistest.Option
		want error
	}{
		{"without file", nil, redis.Nil},
		{"fsync always", []redistest.Option{redistest.WithAOF("always")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := redistest.Start(t, tt.opts...)
			require.NoError(t, s.Client().Set(t.Context(), "k", "v", 0).Err())
			old := s.Pid()
			s.Kill()
			require.Zero(t, s.Pid())
			require.ErrorIs(t, syscall.Kill(old, 0), syscall.ESRCH)
			s.Restart()
			require.ErrorIs(t, s.Client().Get(t.Context(), "k").Err(), tt.want)
		})
	}
}

func TestServerEndsWithItsTest(t *testing.T) {
	var pid int
	t.Run("inner", func(t *testing.T) { pid = redistest.Start(t).Pid() })
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, 30*time.Second, time.Millisecond)
}

func TestWithConfigReachesTheServer(t *testing.T) {
	s := redistest.Start(t, redistest.WithConfig("maxmemory", "20mb"), redistest.WithAOF("everysec"))
	got, err := s.Client().ConfigGet(t.Context(), "maxmemory").Result()
	require.NoError(t, err)
	require.Equal(t, "20971520", got["maxmemory"])
	got, err = s.Client().ConfigGet(t.Context(), "appendfsync").Result()
	require.NoError(t, err)
	require.Equal(t, "everysec", got["appendfsync"])
}

func TestBothRunsOnTwoEmptyStores(t *testing.T) {
	var servers []string
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		servers = append(servers, t.Name())
		n, err := rdb.Incr(t.Context(), "runs").Result()
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	})
	require.Equal(t, []string{t.Name() + "/redis", t.Name() + "/miniredis"}, servers)
}

func TestMissingServerFailsTheTest(t *testing.T) {
	t.Setenv("PATH", "")
	fake := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // Fatal ends its goroutine
		defer close(done)
		redistest.Start(fake)
	}()
	<-done
	require.Equal(t, []any{"redis-server is missing: run make deps"}, fake.fatal)
}
