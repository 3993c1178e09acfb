package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/away"
)

// Config is the queue's settings.
type Config struct {
	Node      string        // names this process in leases; letters, digits, '-' and '.'
	ClaimTTL  time.Duration // a claim that is not dialled goes back after this
	DialTTL   time.Duration // a dialled attempt whose node falls silent is uncertain after this; heartbeats renew it
	Redial    time.Duration // least wait before an attempt that was reaped is followed by another, where the job wants one
	Guard     time.Duration // how long before the window's end the last call may be dialled
	FastLimit int           // most messages that wait in one partition's shard of the fast lane
	Retention time.Duration // how long the record of a finished message is kept
}

// DefaultConfig returns settings for one node.
func DefaultConfig() Config {
	return Config{Node: "node", ClaimTTL: 10 * time.Second, DialTTL: 12 * time.Second, Redial: 3 * time.Minute, Guard: 5 * time.Second,
		FastLimit: 10_000, Retention: 30 * 24 * time.Hour}
}

// Validate names the first rule that the settings break.
func (c Config) Validate() error {
	switch {
	case c.Node == "" || len(c.Node) > 64 || strings.ContainsFunc(c.Node, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}):
		return fmt.Errorf("%w: node must be 1 to 64 letters, digits, '-' or '.'", avanak.ErrInvalid)
	case c.ClaimTTL < time.Second || c.DialTTL < time.Second:
		return fmt.Errorf("%w: lease times must be at least 1s", avanak.ErrInvalid)
	case c.Redial < 0 || c.Redial > time.Hour:
		return fmt.Errorf("%w: redial must be 0s to 1h", avanak.ErrInvalid)
	case c.Guard < 0 || c.Guard > time.Minute:
		return fmt.Errorf("%w: guard must be 0s to 1m", avanak.ErrInvalid)
	case c.FastLimit < 1:
		return fmt.Errorf("%w: fast_limit must be at least 1", avanak.ErrInvalid)
	case c.Retention < time.Hour:
		return fmt.Errorf("%w: retention must be at least 1h", avanak.ErrInvalid)
	}
	return nil
}

// Queue is the queue as one node sees it. It holds no state but its settings: all state is in Redis, and each method is
// one script or a few reads, so that any number of Queues may work on the same Redis.
type Queue struct {
	cfg     Config
	rdb     redis.UniversalClient
	scripts atomic.Pointer[scripts]
	clock   string // ARGV for the scripts' clock; "" is Redis' own. Tests set it.
}

// New returns a queue on a Redis that the caller owns.
func New(cfg Config, rdb redis.UniversalClient) (*Queue, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	q := &Queue{cfg: cfg, rdb: rdb}
	plain, err := loadScripts(false)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	q.scripts.Store(&plain)
	return q, nil
}

// Prepare asks the server whether it knows script flags, and loads the scripts accordingly. A queue works without it;
// with it, attempts can be closed on a Redis that is out of memory.
func (q *Queue) Prepare(ctx context.Context) error {
	err := q.rdb.Eval(ctx, "#!lua flags=allow-oom\nreturn 1", nil).Err()
	var refused redis.Error
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("queue prepare: %w", unavailable(err))
	}
	loaded, err := loadScripts(err == nil)
	if err != nil {
		return fmt.Errorf("queue prepare: %w", err)
	}
	q.scripts.Store(&loaded)
	return nil
}

// unavailable marks errors that mean "Redis cannot serve us now", so that callers wait instead of blaming the input.
func unavailable(err error) error {
	if away.Is(err) && !errors.Is(err, avanak.ErrUnavailable) {
		return fmt.Errorf("%w: %w", avanak.ErrUnavailable, err)
	}
	return err
}
