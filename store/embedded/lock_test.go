package embedded

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestSecondGatewayIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, _ := running(t, Config{Dir: dir})
	_, err := Start(t.Context(), Config{Dir: dir})
	require.ErrorIs(t, err, avanak.ErrConflict)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "another gateway (process "+strconv.Itoa(os.Getpid())+")")
	require.NoError(t, s.Close(t.Context()))
	running(t, Config{Dir: dir})
}

// killable is a gateway in a process of its own.
type killable struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	child int // process id of its redis server
	keys  int // acknowledged so far
}

func startGateway(t *testing.T, dir, binary string) *killable {
	t.Helper()
	g := &killable{cmd: exec.Command(os.Args[0])}
	g.cmd.Env = append(os.Environ(), gatewayDir+"="+dir, gatewayBinary+"="+binary)
	out, err := g.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, g.cmd.Start())
	t.Cleanup(func() { _ = g.cmd.Process.Kill() })
	g.lines = bufio.NewScanner(out)
	require.True(t, g.lines.Scan())
	pid, ok := strings.CutPrefix(g.lines.Text(), "pid ")
	require.True(t, ok, g.lines.Text())
	g.child, err = strconv.Atoi(pid)
	require.NoError(t, err)
	return g
}

// kill ends the gateway with SIGKILL after it has told this many keys, and reads what it told until then.
func (g *killable) kill(t *testing.T, keys int) {
	t.Helper()
	for g.keys < keys && g.lines.Scan() {
		g.keys++
	}
	require.NoError(t, g.cmd.Process.Kill())
	for g.lines.Scan() {
		g.keys++
	}
	require.Error(t, g.cmd.Wait())
}

// requireKeys checks that all keys that a killed gateway was told are there.
func (g *killable) requireKeys(ctx context.Context, t *testing.T, rdb *redis.Client) {
	t.Helper()
	n, err := rdb.DBSize(ctx).Result()
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, int64(g.keys))
	require.NoError(t, rdb.Get(ctx, strconv.Itoa(g.keys-1)).Err())
}

func TestKilledGatewayTakesItsServerAlong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	g := startGateway(t, dir, "")
	g.kill(t, 100)
	_, rdb := running(t, Config{Dir: dir}) // at once: the old server may still be writing
	require.True(t, gone(g.child), "two servers on one directory")
	g.requireKeys(t.Context(), t, rdb)
}

func TestNewGatewayWaitsForAllThatTheServerOfAKilledOneStarted(t *testing.T) {
	base := t.TempDir()
	dir, release := filepath.Join(base, "data"), filepath.Join(base, "release")
	redisServer, err := exec.LookPath("redis-server")
	require.NoError(t, err, "redis-server is missing: run make deps")
	// What stays behind until the file "release" exists stands for a process that rewrites the AOF.
	g := startGateway(t, dir, script(t, base, "(until [ -e "+release+" ]; do sleep 0.02; done) >&- 2>&- &\nexec "+redisServer+` "$1"`))
	t.Cleanup(func() { _ = os.WriteFile(release, nil, 0o600) })
	g.kill(t, 10)

	_, err = Start(t.Context(), Config{Dir: dir, LockWait: 200 * time.Millisecond})
	require.ErrorIs(t, err, avanak.ErrConflict)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "the redis server (process "+strconv.Itoa(g.child)+") of an earlier gateway still runs")

	log := &buffer{}
	started := make(chan error, 1)
	go func() {
		s, err := Start(t.Context(), Config{Dir: dir, LockWait: patience, Logger: logTo(log)})
		if err == nil {
			err = s.Close(t.Context())
		}
		started <- err
	}()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "wait for the server") }, patience, time.Millisecond)
	require.NoError(t, os.WriteFile(release, nil, 0o600))
	require.NoError(t, <-started)
	_, rdb := running(t, Config{Dir: dir})
	g.requireKeys(t.Context(), t, rdb)
}
