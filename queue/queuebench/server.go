package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// startLimit bounds the wait for the server's first answer, and for its end.
const startLimit = 30 * time.Second

// The kernel kills the server when the thread that forked it ends (prctl(2), PR_SET_PDEATHSIG). The main goroutine starts
// it and stays on the main thread, so that this is when the process ends, however it ends.
func init() { runtime.LockOSThread() }

// server is a private redis-server: a unix socket in a directory of its own, no port, nothing kept.
type server struct {
	dir   string
	cmd   *exec.Cmd
	admin *redis.Client // the one connection through which memory is read
}

// startServer starts a redis-server with these directives beside its own. The caller stops it.
func startServer(ctx context.Context, directives ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "avkq")
	if err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	s := &server{dir: dir}
	// Not CommandContext: the benchmark stops it in order, also when it is interrupted.
	s.cmd = exec.Command("redis-server", append([]string{"--port", "0", "--unixsocket", s.socket(), "--unixsocketperm", "700", //nolint:gosec,noctx // see above; the binary comes from PATH
		"--dir", dir, "--save", "", "--logfile", filepath.Join(dir, "log"), "--maxmemory-policy", "noeviction"}, directives...)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	s.admin = s.client(1)
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start redis-server (make deps installs it): %w", err), s.admin.Close(), os.RemoveAll(dir))
	}
	if err := s.waitReady(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) socket() string { return filepath.Join(s.dir, "s") }

// client returns a client that holds at most this many connections.
func (s *server) client(connections int) *redis.Client {
	return redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket(), PoolSize: connections})
}

func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		if _, err := os.Stat(s.socket()); err == nil && s.admin.Ping(ctx).Err() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("redis-server does not answer: %w\n%s", ctx.Err(), log)
		case <-poll.C:
		}
	}
}

// stop kills the server, which keeps nothing, and removes its directory.
func (s *server) stop() error {
	err := s.admin.Close()
	_ = s.cmd.Process.Kill() // an error means that it has ended already
	_ = s.cmd.Wait()         // how it ended is known
	return errors.Join(err, os.RemoveAll(s.dir))
}

// usedMemory reads the server's used_memory in bytes, once it has settled: two equal readings in a row.
func (s *server) usedMemory(ctx context.Context) (int64, error) {
	if err := s.admin.Do(ctx, "MEMORY", "PURGE").Err(); err != nil {
		return 0, fmt.Errorf("purge memory: %w", err)
	}
	last := int64(-1)
	poll := time.NewTicker(100 * time.Millisecond) // Redis shrinks buffers of clients and rehashes ten times a second
	defer poll.Stop()
	for range 100 {
		used, err := s.memoryNow(ctx)
		if err != nil || used == last {
			return used, err
		}
		last = used
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-poll.C:
		}
	}
	return 0, errors.New("used_memory does not settle")
}

func (s *server) memoryNow(ctx context.Context) (int64, error) {
	info, err := s.admin.Info(ctx, "memory").Result()
	if err != nil {
		return 0, fmt.Errorf("read used_memory: %w", err)
	}
	for l := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(l, "used_memory:"); ok {
			return strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		}
	}
	return 0, errors.New("INFO memory names no used_memory")
}
