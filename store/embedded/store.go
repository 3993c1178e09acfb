package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/store"
)

// Store is a running embedded store: a Server or a Volatile.
type Store interface {
	// Options returns fresh client options that lead to the store.
	Options() *redis.Options
	// Guarantee returns the durability in force; its String is the line to print.
	Guarantee() store.Guarantee
	// Up tells whether the store answers.
	Up() bool
	// Restarts returns how often the store came back from a death; after a rise the queue must be audited.
	Restarts() int
	// Close ends the store and all it has started.
	Close(ctx context.Context) error
}

var (
	_ Store = (*Server)(nil)
	_ Store = (*Volatile)(nil)
)

// Open runs a Server, or where the machine has no server binary, a Volatile; Config.RequireDurable refuses the latter with an
// error that wraps avanak.ErrUnavailable. A server that is there and does not come up is an error, never a reason to go on
// without durability; so is a Config.Binary that does not exist.
func Open(ctx context.Context, cfg Config) (Store, error) {
	s, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open embedded store: %w", err)
	}
	if cfg.Registerer == nil {
		return s, nil
	}
	if err := newMetrics(cfg.Registerer, s); err != nil {
		return nil, fmt.Errorf("open embedded store: register metrics: %w", errors.Join(err, s.Close(ctx)))
	}
	return s, nil
}

func open(ctx context.Context, cfg Config) (Store, error) {
	s, err := Start(ctx, cfg)
	if err == nil {
		return s, nil
	}
	if !errors.Is(err, errNoBinary) {
		return nil, err
	}
	if cfg.RequireDurable {
		return nil, fmt.Errorf("%w: %w: install redis-server (Debian: apt install redis-server), or name an external Redis",
			avanak.ErrUnavailable, err)
	}
	return StartVolatile(cfg)
}
