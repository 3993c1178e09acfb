package embedded

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/store"
)

// patience is far above what anything here takes on a slow machine.
const patience = 60 * time.Second

// running starts a server that ends with the test.
func running(t *testing.T, cfg Config) (*Server, *redis.Client) {
	t.Helper()
	if _, err := findBinary(cfg.Binary); err != nil {
		t.Fatal("redis-server is missing: run make deps")
	}
	s, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	rdb := redis.NewClient(s.Options())
	t.Cleanup(func() { _ = rdb.Close() })
	return s, rdb
}

// childPid is the process id of the server's child, as its lock tells it.
func childPid(t *testing.T, s *Server) int {
	t.Helper()
	pid, err := strconv.Atoi(lockHolder(s.locks.server))
	require.NoError(t, err)
	return pid
}

// gone tells whether a process has ended; where nobody reaps it, its remains (state Z) may stay.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

// buffer is a log that the test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestServerIsPrivateAndDurable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, rdb := running(t, Config{Dir: dir, MaxMemory: 32 << 20})
	require.Equal(t, store.Always, s.Guarantee().Durability)
	require.Contains(t, s.Guarantee().String(), "store durability always (")
	require.True(t, s.Up())
	require.Zero(t, s.Restarts())
	for name, want := range map[string]string{"port": "0", "appendonly": "yes", "appendfsync": "always", "save": "",
		"maxmemory": "33554432", "maxmemory-policy": "noeviction", "unixsocketperm": "700", "aof-load-truncated": "yes",
		"aof-use-rdb-preamble": "yes", "dir": dir} {
		got, err := rdb.ConfigGet(t.Context(), name).Result()
		require.NoError(t, err)
		require.Equal(t, want, got[name], name)
	}
	for file, want := range map[string]fs.FileMode{".": 0o700, "redis.sock": 0o700, "redis.conf": 0o600, "gateway.lock": 0o600} {
		at, err := os.Stat(filepath.Join(dir, file))
		require.NoError(t, err)
		require.Equal(t, want, at.Mode().Perm(), file)
	}
	group, err := syscall.Getpgid(childPid(t, s))
	require.NoError(t, err)
	require.NotEqual(t, syscall.Getpgrp(), group, "Ctrl-C must not reach the server")
}

func TestChildSeesNothingOfOurEnvironment(t *testing.T) {
	t.Setenv("AVANAK_SECRET", "hidden")
	s, _ := running(t, Config{Dir: filepath.Join(t.TempDir(), "data")})
	env, err := os.ReadFile("/proc/" + strconv.Itoa(childPid(t, s)) + "/environ")
	require.NoError(t, err)
	require.NotContains(t, string(env), "hidden")
}

func TestRestartAfterKillKeepsWhatWasAcknowledged(t *testing.T) {
	s, rdb := running(t, Config{Dir: filepath.Join(t.TempDir(), "data")})
	ctx, acknowledged := t.Context(), 0
	for round := 1; round <= 3; round++ {
		pid := childPid(t, s)
		killed := make(chan error, 1)
		for i := 0; ; i++ {
			if i == 20*round {
				go func() { killed <- syscall.Kill(pid, syscall.SIGKILL) }()
			}
			if err := rdb.Set(ctx, strconv.Itoa(acknowledged), "v", 0).Err(); err != nil || (i > 20*round && s.Restarts() >= round) {
				break
			}
			acknowledged++
		}
		require.NoError(t, <-killed)
		require.Eventually(t, func() bool { return s.Up() && s.Restarts() == round }, patience, time.Millisecond)
		require.True(t, gone(pid))
		require.NoError(t, waitPing(ctx, rdb))
		for i := range acknowledged {
			require.NoError(t, rdb.Get(ctx, strconv.Itoa(i)).Err(), "key %d of %d", i, acknowledged)
		}
	}
	require.NotZero(t, acknowledged)
}

// waitPing gives a client that was refused lately the time to dial again.
func waitPing(ctx context.Context, rdb *redis.Client) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := rdb.Ping(ctx).Err()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

func TestUpIsFalseWhileTheServerIsDown(t *testing.T) {
	dir := t.TempDir()
	count := filepath.Join(dir, "starts")
	redisServer, err := exec.LookPath("redis-server")
	require.NoError(t, err, "redis-server is missing: run make deps")
	// Each start but the first one fails until the file "open" exists.
	open := filepath.Join(dir, "open")
	binary := script(t, dir, "[ -e "+count+" ] && [ ! -e "+open+" ] && exit 3\n: > "+count+"\nexec "+redisServer+` "$1"`)
	s, rdb := running(t, Config{Dir: filepath.Join(dir, "data"), Binary: binary})
	require.NoError(t, syscall.Kill(childPid(t, s), syscall.SIGKILL))
	require.Eventually(t, func() bool { return !s.Up() }, patience, time.Millisecond)
	require.Zero(t, s.Restarts())
	require.NoError(t, os.WriteFile(open, nil, 0o600))
	require.Eventually(t, s.Up, patience, time.Millisecond)
	require.Equal(t, 1, s.Restarts())
	require.NoError(t, waitPing(t.Context(), rdb))
}

func TestCloseDuringBackoff(t *testing.T) {
	dir := t.TempDir()
	redisServer, err := exec.LookPath("redis-server")
	require.NoError(t, err, "redis-server is missing: run make deps")
	count := filepath.Join(dir, "starts")
	binary := script(t, dir, "[ -e "+count+" ] && exit 3\n: > "+count+"\nexec "+redisServer+` "$1"`)
	s, _ := running(t, Config{Dir: filepath.Join(dir, "data"), Binary: binary})
	require.NoError(t, syscall.Kill(childPid(t, s), syscall.SIGKILL))
	require.Eventually(t, func() bool { return !s.Up() }, patience, time.Millisecond)
	require.NoError(t, s.Close(t.Context()))
}

// script writes an executable that stands in for the server.
func script(t *testing.T, dir, body string) string {
	t.Helper()
	file := filepath.Join(dir, "server.sh")
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o700)) //nolint:gosec // it is run
	return file
}

func TestStartWaitsWhileTheServerLoads(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: filepath.Join(dir, "data")}
	s, rdb := running(t, cfg)
	_, err := rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range 500 {
			p.Set(t.Context(), strconv.Itoa(i), strings.Repeat("v", 100), 0)
		}
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))
	// Redis can be made to load slowly, and to answer LOADING meanwhile.
	redisServer, err := exec.LookPath("redis-server")
	require.NoError(t, err)
	cfg.Binary = script(t, dir, "exec "+redisServer+` "$1" --key-load-delay 1000 --loading-process-events-interval-bytes 1024`)
	_, rdb = running(t, cfg)
	n, err := rdb.DBSize(t.Context()).Result()
	require.NoError(t, err)
	require.EqualValues(t, 500, n)
}

func TestStartRefuses(t *testing.T) {
	redisServer, err := exec.LookPath("redis-server")
	require.NoError(t, err, "redis-server is missing: run make deps")
	dir := func() string { return filepath.Join(t.TempDir(), "data") }
	open := t.TempDir()
	require.NoError(t, os.Chmod(open, 0o755)) //nolint:gosec // what is refused
	standIn := func(body string) string { return script(t, t.TempDir(), body) }
	for _, tt := range []struct {
		name string
		cfg  Config
		is   error
		text string
	}{
		{"no directory", Config{}, avanak.ErrInvalid, "needs a directory"},
		{"little memory", Config{Dir: dir(), MaxMemory: 1}, avanak.ErrInvalid, "memory"},
		{"negative wait", Config{Dir: dir(), StopWait: -1}, avanak.ErrInvalid, "waits"},
		{"open directory", Config{Dir: open}, avanak.ErrInvalid, "chmod 700"},
		{"missing binary", Config{Dir: dir(), Binary: "no-such-server"}, exec.ErrNotFound, "no-such-server"},
		{"server that ends", Config{Dir: dir(), Binary: standIn("echo out of luck; exit 7")}, avanak.ErrUnavailable,
			"exit status 7: its last words: out of luck"},
		{"server that never answers", Config{Dir: dir(), Binary: standIn("exec sleep 1000"), LoadWait: 50 * time.Millisecond},
			avanak.ErrUnavailable, "does not answer"},
		{"server that is not durable", Config{Dir: dir(), Binary: standIn("exec " + redisServer + ` "$1" --appendonly no`)},
			avanak.ErrConflict, "durability volatile"},
		{"server that evicts",
			Config{Dir: dir(), Binary: standIn("exec " + redisServer + ` "$1" --maxmemory-policy allkeys-lru`)},
			avanak.ErrConflict, "allkeys-lru"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Start(t.Context(), tt.cfg)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.text)
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(dir, "started")
	cfg := Config{Dir: filepath.Join(dir, "data"), Binary: script(t, dir, ": > "+started+"\nexec sleep 1000")}
	failed := make(chan error, 1)
	go func() {
		_, err := Start(ctx, cfg)
		failed <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(started); return err == nil }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, avanak.ErrUnavailable)
	cfg.Binary = ""
	running(t, cfg) // nothing is left behind
}

func TestCloseKillsAServerThatDoesNotEnd(t *testing.T) {
	s, _ := running(t, Config{Dir: filepath.Join(t.TempDir(), "data")})
	pid := childPid(t, s)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP)) // it cannot act on SIGTERM
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Close(ctx))
	require.True(t, gone(pid))
	require.False(t, s.Up())
}

func TestHostileDirectoriesStayOneDirective(t *testing.T) {
	for _, name := range []string{"with space", `quo"te`, "apos'trophe", `back\slash`, "tab\tbed", "داده", "# no comment",
		"line\nappendonly no", `x" appendfsync no "`, `\x41`, "$HOME", "%s"} {
		t.Run(strings.ToValidUTF8(name, "?"), func(t *testing.T) {
			base, err := os.MkdirTemp("", "avk") //nolint:usetesting // short: the socket stays inside
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(base) })
			dir := filepath.Join(base, name)
			s, rdb := running(t, Config{Dir: dir})
			require.Equal(t, filepath.Join(dir, "redis.sock"), s.Options().Addr)
			got, err := rdb.ConfigGet(t.Context(), "dir").Result()
			require.NoError(t, err)
			require.Equal(t, dir, got["dir"])
			require.Equal(t, store.Always, s.Guarantee().Durability)
		})
	}
}

func TestLongDirectoryGetsItsSocketElsewhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	s, rdb := running(t, Config{Dir: dir})
	socket := s.Options().Addr
	require.LessOrEqual(t, len(socket), maxSocketPath)
	at, err := os.Stat(filepath.Dir(socket))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), at.Mode().Perm())
	require.NoError(t, rdb.Set(t.Context(), "k", "v", 0).Err())
	require.NoError(t, s.Close(t.Context()))
	require.NoFileExists(t, socket)
	require.NoDirExists(t, filepath.Dir(socket))
	_, rdb = running(t, Config{Dir: dir})
	require.Equal(t, "v", rdb.Get(t.Context(), "k").Val())
}

func TestTruncatedFileIsLoadedAndTold(t *testing.T) {
	log := &buffer{}
	cfg := Config{Dir: filepath.Join(t.TempDir(), "data"), Logger: logTo(log)}
	s, rdb := running(t, cfg)
	for _, k := range []string{"a", "b"} {
		require.NoError(t, rdb.Set(t.Context(), k, "v", 0).Err())
	}
	require.NoError(t, s.Close(t.Context()))
	file := aof(t, cfg.Dir)
	at, err := os.Stat(file)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(file, at.Size()-3))
	_, rdb = running(t, cfg)
	n, err := rdb.Exists(t.Context(), "a", "b").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Contains(t, log.String(), "Truncating the AOF")
}

func TestDamagedFileIsAnErrorAndTheDirectoryIsFreeAgain(t *testing.T) {
	cfg := Config{Dir: filepath.Join(t.TempDir(), "data")}
	s, rdb := running(t, cfg)
	require.NoError(t, rdb.Set(t.Context(), "k", "v", 0).Err())
	require.NoError(t, s.Close(t.Context()))
	file := aof(t, cfg.Dir)
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append([]byte("garbage\r\n"), good...), 0o600))
	_, err = Open(t.Context(), cfg)
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	require.ErrorContains(t, err, "Bad file format")
	require.NoError(t, os.WriteFile(file, good, 0o600))
	_, rdb = running(t, cfg)
	require.Equal(t, "v", rdb.Get(t.Context(), "k").Val())
}

// aof returns the file that the last writes went to.
func aof(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

func logTo(b *buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
