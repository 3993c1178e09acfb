package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/store"
	"github.com/avanak/avanak/store/embedded"
)

// go-redis has a logger of its own on standard error. What it has to say reaches our log as the errors of its calls.
func init() { logging.Disable() }

// state is Redis and what stands on it.
type state struct {
	rdb        redis.UniversalClient
	guarantee  store.Guarantee
	kind       string // redis, embedded or volatile
	queue      *queue.Queue
	clips      *store.Clips
	keys       *store.Keys
	suppressed *store.Suppressions
	keyFile    string
	freshKey   bool
	limit      int // most recipients of a campaign; 0: no limit of the store's
	up         func() bool
}

// openState opens Redis (by URL, else embedded) and the records on it.
func (a *App) openState(ctx context.Context) error {
	cfg, s := a.cfg, &a.state
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := a.openRedis(ctx); err != nil {
		return err
	}
	if cfg.Production() && s.guarantee.Durability == store.Volatile {
		return fmt.Errorf("%w: env: production refuses a store that forgets: %s", avanak.ErrInvalid, s.guarantee)
	}
	if err := store.Prepare(ctx, s.rdb); err != nil {
		return err
	}
	q, err := queue.New(cfg.QueueConfig(), s.rdb)
	if err != nil {
		return err
	}
	if err := q.Prepare(ctx); err != nil {
		return err
	}
	s.queue = q
	blobs, err := store.OpenDir(filepath.Join(cfg.Data, "blobs"))
	if err != nil {
		return err
	}
	a.closers.add("blobs", time.Second, func(context.Context) error { return blobs.Close() })
	if s.clips, err = store.NewClips(store.DefaultConfig(), s.rdb, blobs); err != nil {
		return err
	}
	if s.keys, err = store.NewKeys(store.DefaultConfig(), s.rdb); err != nil {
		return err
	}
	s.suppressed = store.NewSuppressions(s.rdb)
	s.keyFile, s.freshKey, err = s.keys.EnsureOperator(ctx, filepath.Join(cfg.Data, "operator.key"))
	return err
}

func (a *App) openRedis(ctx context.Context) error {
	s := &a.state
	redis.SetLogger(redisLog{a.log}) // the client has one logger per process
	if a.cfg.Redis.URL != "" {
		options, err := redis.ParseURL(a.cfg.Redis.URL)
		if err != nil {
			return fmt.Errorf("redis: %w: the URL cannot be read", avanak.ErrInvalid)
		}
		tune(options)
		s.rdb, s.kind, s.up = redis.NewClient(options), "redis", func() bool { return true }
		a.closers.add("redis client", time.Second, func(context.Context) error { return s.rdb.Close() })
		s.guarantee, err = store.Probe(ctx, s.rdb)
		return err
	}
	e, err := embedded.Open(ctx, embedded.Config{Dir: filepath.Join(a.cfg.Data, "redis"), Logger: a.log, Registerer: a.registry,
		RequireDurable: a.cfg.Redis.RequireDurable || a.cfg.Production()})
	if err != nil {
		return err
	}
	a.closers.add("embedded store", time.Minute, e.Close)
	options := e.Options()
	tune(options)
	s.rdb, s.guarantee, s.up, s.kind = redis.NewClient(options), e.Guarantee(), e.Up, "embedded"
	a.closers.add("redis client", time.Second, func(context.Context) error { return s.rdb.Close() })
	if s.guarantee.Durability == store.Volatile {
		s.kind, s.limit = "volatile", embedded.MaxVolatileRecipients
		_, _ = fmt.Fprint(a.out, embedded.Banner) // who cannot be told still finds it in readyz and the metrics
	}
	return nil
}

// tune fits the client to our use: short commands, many at once. A command that got no answer in time is repeated by
// the parts themselves, which know which of theirs may be.
func tune(o *redis.Options) {
	o.PoolSize = 64
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = 2*time.Second, 3*time.Second, 3*time.Second
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ContextTimeoutEnabled = true
	// Handover notices are for a vendor's managed clusters; listening for them costs goroutines that outlive the client.
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// storeFault says why the gateway cannot work with its store now; nil when it can.
func (a *App) storeFault(ctx context.Context) error {
	if !a.state.up() {
		return errors.New("the embedded store is being restarted")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := a.state.rdb.Ping(ctx).Err(); err != nil {
		return errors.New("redis does not answer")
	}
	return nil
}
