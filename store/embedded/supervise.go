package embedded

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// How often a server that starts is asked whether it is ready, and how often its progress is logged.
const (
	readyPoll     = 20 * time.Millisecond
	progressEvery = 5 * time.Second
)

// ready waits until the server answers PING: it says LOADING until its data is in memory.
func (s *Server) ready(ctx context.Context, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.LoadWait)
	defer cancel()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	progress := time.NewTicker(progressEvery)
	defer progress.Stop()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.ended:
			c.wait()
			return unavailable(c, "ended at its start", c.err)
		case <-ctx.Done():
			return unavailable(c, "does not answer", err)
		case <-progress.C:
			s.cfg.Logger.Info("redis server loads its data", "percent", loaded(ctx, s.probe))
		case <-poll.C:
		}
	}
}

// ping asks the server once. It looks at the socket first: go-redis stops dialling for a second after it was refused once.
func (s *Server) ping(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", s.socket)
	if err != nil {
		return err
	}
	_ = conn.Close()
	return s.probe.Ping(ctx).Err()
}

// loaded returns how much of the data is in memory, as the server puts it; "unknown" where it does not say.
func loaded(ctx context.Context, rdb *redis.Client) string {
	for line := range strings.Lines(rdb.Info(ctx, "persistence").Val()) {
		if percent, ok := strings.CutPrefix(line, "loading_loaded_perc:"); ok {
			return strings.TrimSpace(percent)
		}
	}
	return "unknown"
}

// supervise keeps a server running until ctx ends, and then ends it.
func (s *Server) supervise(ctx context.Context, c *child) {
	backoff := minBackoff
	for born := time.Now(); ; born = time.Now() {
		select {
		case <-ctx.Done():
			s.up.Store(false)
			s.end(c)
			return
		case <-c.ended:
		}
		s.up.Store(false)
		c.wait()
		s.cfg.Logger.Error("redis server died", "pid", c.pid, "err", c.err, "last", c.log.last())
		if time.Since(born) > steady {
			backoff = minBackoff
		}
		next, ok := s.revive(ctx, &backoff)
		if !ok {
			return
		}
		c = next
	}
}

// revive starts servers until one is ready; it gives up only when ctx ends, and leaves no process behind then.
func (s *Server) revive(ctx context.Context, backoff *time.Duration) (*child, bool) {
	for {
		pause := time.NewTimer(*backoff)
		*backoff = min(2**backoff, maxBackoff)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, false
		case <-pause.C:
		}
		c, err := s.fork()
		if err == nil {
			if err = s.ready(ctx, c); err == nil {
				s.restarts.Add(1)
				s.up.Store(true)
				s.cfg.Logger.Warn("redis server is up again", "pid", c.pid, "restarts", s.Restarts())
				return c, true
			}
			s.end(c)
		}
		if ctx.Err() == nil {
			s.cfg.Logger.Error("redis server does not come up", "err", err)
		}
	}
}
