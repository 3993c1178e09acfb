package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/store"
)

// The back-off between starts of a child that keeps dying. The first restart comes soon: calls in flight wait for it.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
	// steady is how long a child must have lived for its death to count as the first one again.
	steady = time.Minute
)

// Server is a supervised private Redis server. Start makes it, Close ends it.
type Server struct {
	cfg       Config
	binary    string
	conf      string // path of redis.conf
	socket    string
	private   string // directory made for the socket, "" where Dir has it
	locks     *locks
	probe     *redis.Client // for PING and INFO
	guarantee store.Guarantee

	up       atomic.Bool
	restarts atomic.Int64

	stop   context.CancelFunc // ends supervise
	done   chan struct{}      // closed by supervise
	finish sync.Once
	kill   chan struct{} // closed by Close: the child has had its time
}

// Start locks the directory, runs the server in it and returns when it answers, which it does after it has loaded its data.
// Cancelling ctx ends a Start that is under way, and nothing after it. A directory in use gives avanak.ErrConflict, a bad
// configuration avanak.ErrInvalid.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	binary, err := findBinary(cfg.Binary)
	if err != nil {
		return nil, err
	}
	if cfg.Dir, err = prepareDir(cfg.Dir); err != nil {
		return nil, err
	}
	held, err := lockDir(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, binary: binary, locks: held, done: make(chan struct{}), kill: make(chan struct{})}
	if err := s.start(ctx); err != nil {
		s.cleanup()
		return nil, err
	}
	return s, nil
}

// start does what needs the locks.
func (s *Server) start(ctx context.Context) error {
	limit, err := memoryLimit(s.cfg.MaxMemory)
	if err != nil {
		return err
	}
	if s.socket, s.private, err = socketPath(s.cfg.Dir); err != nil {
		return err
	}
	if s.conf, err = writeConf(s.cfg.Dir, s.socket, limit); err != nil {
		return err
	}
	opts := s.Options()
	opts.MaxRetries, opts.PoolSize = -1, 1
	s.probe = redis.NewClient(opts)
	c, err := s.fork()
	if err != nil {
		return err
	}
	if err := s.ready(ctx, c); err != nil {
		s.end(c)
		return err
	}
	if s.guarantee, err = store.Probe(ctx, s.probe); err == nil && s.guarantee.Durability != store.Always {
		err = fmt.Errorf("%w: %s does not keep to its configuration: %s", avanak.ErrConflict, s.binary, s.guarantee)
	}
	if err != nil {
		s.end(c)
		return err
	}
	s.up.Store(true)
	s.cfg.Logger.Info("redis server is up", "dir", s.cfg.Dir, "pid", c.pid, "guarantee", s.guarantee.String())
	// The supervisor lives until Close, not until the end of the start.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go func() {
		defer close(s.done)
		s.supervise(background, c)
	}()
	return nil
}

// fork starts a child, after it has removed the socket that a killed one leaves behind.
func (s *Server) fork() (*child, error) {
	if err := os.Remove(s.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	c, err := startChild(s.binary, s.conf, s.cfg.Dir, s.locks.server, s.cfg.Logger)
	if err != nil {
		return nil, fmt.Errorf("start redis server: %w", err)
	}
	if err := noteHolder(s.locks.server, c.pid); err != nil {
		s.cfg.Logger.Warn("note pid of redis server", "err", err) // it only helps people
	}
	return c, nil
}

// end asks a child to end, kills it where it takes too long, and waits for it.
func (s *Server) end(c *child) {
	c.signal(syscall.SIGTERM)
	limit := time.NewTimer(s.cfg.StopWait)
	defer limit.Stop()
	select {
	case <-c.ended:
	case <-s.kill:
		c.signal(syscall.SIGKILL)
	case <-limit.C:
		s.cfg.Logger.Warn("redis server does not end and is killed", "pid", c.pid)
		c.signal(syscall.SIGKILL)
	}
	c.wait()
}

// cleanup removes what Start has made; no child is left by then.
func (s *Server) cleanup() {
	if s.probe != nil {
		_ = s.probe.Close()
	}
	if s.socket != "" {
		_ = os.Remove(s.socket) // the server has removed it where it ended in order
	}
	if s.private != "" {
		_ = os.Remove(s.private)
	}
	s.locks.release()
}

// Close ends the server and waits for it: at first in its orderly way, which makes all data durable, then, once ctx is done
// or Config.StopWait has passed, with SIGKILL, which loses nothing that was acknowledged. Only the first call does anything.
func (s *Server) Close(ctx context.Context) error {
	s.finish.Do(func() {
		s.stop()
		select {
		case <-s.done:
		case <-ctx.Done():
			close(s.kill)
			<-s.done
		}
		s.cleanup()
	})
	return nil
}

// Options returns fresh client options that lead to the server.
func (s *Server) Options() *redis.Options { return &redis.Options{Network: "unix", Addr: s.socket} }

// Guarantee returns what the server reported of its durability at the start.
func (s *Server) Guarantee() store.Guarantee { return s.guarantee }

// Up tells whether the server runs and has loaded its data.
func (s *Server) Up() bool { return s.up.Load() }

// Restarts returns how often a server that had died was started again. After a rise the queue must be audited.
func (s *Server) Restarts() int { return int(s.restarts.Load()) }

// unavailable is the error of a server that did not come up.
func unavailable(c *child, what string, err error) error {
	return fmt.Errorf("redis server %s: %w: %w: its last words: %s", what, avanak.ErrUnavailable, err, c.log.last())
}
