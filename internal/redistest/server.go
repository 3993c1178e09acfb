package redistest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxSocketPath is the longest path of a unix socket: sun_path has 108 bytes with the closing zero (unix(7)).
const maxSocketPath = 107

// startTimeout bounds the wait for a server that loads its data on a slow machine.
const startTimeout = 60 * time.Second

// missing is what a developer reads on a machine without the server.
const missing = "redis-server is missing: run make deps"

// Server is a private redis-server of one test. It is not for concurrent use; its clients are.
type Server struct {
	tb     testing.TB
	binary string
	dir    string
	args   []string
	client redis.UniversalClient
	child  *child // nil while stopped
}

// Option changes how Start runs the server.
type Option func(*Server)

// WithAOF turns the append-only file on, with this appendfsync policy: "always", "everysec" or "no". Without it the server
// keeps nothing across a Kill, which is fast.
func WithAOF(fsync string) Option {
	return func(s *Server) { s.args = append(s.args, "--appendonly", "yes", "--appendfsync", fsync) }
}

// WithConfig adds one directive of redis.conf, such as WithConfig("maxmemory", "20mb").
func WithConfig(name string, values ...string) Option {
	return func(s *Server) { s.args = append(append(s.args, "--"+name), values...) }
}

// Start runs a redis-server for this test and returns when it answers. The test fails at once where that is impossible.
// Start it in a parent test to share it between subtests.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatal(missing)
	}
	s := &Server{tb: tb, binary: binary, dir: shortDir(tb)}
	for _, o := range opts {
		o(s)
	}
	s.client = redis.NewClient(s.Options())
	tb.Cleanup(func() {
		_ = s.client.Close()
		s.Stop()
	})
	s.Restart()
	return s
}

// shortDir makes the server's directory. t.TempDir is not used: it holds the test's name and so may be too long for a
// unix socket.
func shortDir(tb testing.TB) string {
	tb.Helper()
	base := os.TempDir()
	if len(base) > maxSocketPath/2 {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "avk") //nolint:usetesting // see above
	if err != nil {
		tb.Fatalf("make directory of redis-server: %v", err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("remove directory of redis-server: %v", err)
		}
	})
	return dir
}

// Socket returns the path of the server's unix socket; it stays the same across restarts.
func (s *Server) Socket() string { return filepath.Join(s.dir, "s") }

// Dir returns the server's data directory, for tests that damage its files.
func (s *Server) Dir() string { return s.dir }

// Options returns fresh client options that lead to this server.
func (s *Server) Options() *redis.Options {
	return &redis.Options{Network: "unix", Addr: s.Socket()}
}

// Client returns the server's client. It survives Kill and Restart, and is closed with the test.
func (s *Server) Client() redis.UniversalClient { return s.client }

// Pid returns the process id of the running server, 0 while it is stopped.
func (s *Server) Pid() int {
	if s.child == nil {
		return 0
	}
	return s.child.pid
}

// Restart starts the server again with the same data directory and waits until it answers. A running server is stopped
// first.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	c, err := startChild(s.binary, s.dir, append([]string{"--port", "0", "--unixsocket", s.Socket(), "--unixsocketperm", "700",
		"--dir", s.dir, "--save", "", "--maxmemory-policy", "noeviction"}, s.args...))
	if err != nil {
		s.tb.Fatalf("start redis-server: %v", err)
	}
	s.child = c
	s.waitReady()
}

// waitReady polls until the server answers PING, which it does not while it loads its data.
func (s *Server) waitReady() {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	var dialer net.Dialer
	for {
		// A look at the socket first: go-redis stops dialling for a second after it was refused a few times.
		conn, err := dialer.DialContext(ctx, "unix", s.Socket())
		if err == nil {
			_ = conn.Close()
			err = s.client.Ping(ctx).Err()
		}
		if err == nil {
			return
		}
		select {
		case <-s.child.ended:
			s.tb.Fatalf("redis-server ended at its start:\n%s", s.Log())
		case <-ctx.Done():
			s.tb.Fatalf("redis-server does not answer within %s: %v\n%s", startTimeout, err, s.Log())
		case <-poll.C:
		}
	}
}

// Kill ends the server with SIGKILL, as a power cut of that process would, and waits until it is gone.
func (s *Server) Kill() {
	if s.child != nil {
		s.child.kill()
		s.child = nil
	}
}

// Stop ends the server in its orderly way (SIGTERM) and waits until it is gone. A stopped server is left alone.
func (s *Server) Stop() {
	if s.child == nil {
		return
	}
	if !s.child.terminate(startTimeout) {
		s.tb.Errorf("redis-server did not end within %s of SIGTERM", startTimeout)
	}
	s.child = nil
}

// Log returns what the server has written so far, over all its starts.
func (s *Server) Log() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}
