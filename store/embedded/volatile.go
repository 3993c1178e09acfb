package embedded

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak/store"
)

// MaxVolatileRecipients is how many recipients the volatile store may hold: miniredis copies a whole value at each change, so
// that larger campaigns would crawl (some 80 moves a second with a million). The part that accepts campaigns keeps the limit.
const MaxVolatileRecipients = 100_000

// Banner is what the operator must see while the volatile store is in use.
const Banner = `
  *****************************************************************************
  *  THE STORE IS VOLATILE: campaigns and results live in memory and are lost  *
  *  when this process ends. At most 100000 recipients. Not for production.    *
  *  Install redis-server (Debian: apt install redis-server), start again.     *
  *****************************************************************************
`

// ttlTick is the resolution of keys' time to live in the volatile store: a key may go up to one tick early.
const ttlTick = 100 * time.Millisecond

// Volatile is an in-process miniredis: it keeps nothing when the process ends. StartVolatile makes it, Close ends it.
type Volatile struct {
	mini     *miniredis.Miniredis
	password string

	finish  sync.Once
	stop    chan struct{} // closed by Close
	expirer sync.WaitGroup
}

// StartVolatile runs a miniredis on a loopback port that the kernel chooses, behind a password that never leaves the process:
// other users of the machine cannot get in.
func StartVolatile(cfg Config) (*Volatile, error) {
	v := &Volatile{mini: miniredis.NewMiniRedis(), password: rand.Text(), stop: make(chan struct{})}
	v.mini.RequireAuth(v.password)
	if err := v.mini.Start(); err != nil {
		return nil, fmt.Errorf("start volatile store: %w", err)
	}
	v.expirer.Go(v.expire)
	cfg.withDefaults().Logger.Warn("store is volatile", "max_recipients", MaxVolatileRecipients)
	return v, nil
}

// expire advances the time to live of all keys. miniredis can follow the clock by itself, but then walks through all keys at
// each command.
func (v *Volatile) expire() {
	last, wait := time.Now(), time.NewTimer(ttlTick)
	defer wait.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-wait.C:
		}
		now := time.Now()
		v.mini.FastForward(now.Sub(last))
		last = now
		// A walk locks the store: with very many keys it takes at most a tenth of the time.
		wait.Reset(max(ttlTick, 10*time.Since(now)))
	}
}

// Options returns fresh client options that lead to the store.
func (v *Volatile) Options() *redis.Options {
	return &redis.Options{Addr: v.mini.Addr(), Password: v.password}
}

// Guarantee says that there is none.
func (v *Volatile) Guarantee() store.Guarantee {
	return store.Guarantee{Durability: store.Volatile, Server: "miniredis in process",
		Warning: "all is lost when this process ends: install redis-server"}
}

// Up is true until Close.
func (v *Volatile) Up() bool {
	select {
	case <-v.stop:
		return false
	default:
		return true
	}
}

// Restarts is 0: the store ends with its process.
func (v *Volatile) Restarts() int { return 0 }

// Close ends the store; its data is gone. Only the first call does anything.
func (v *Volatile) Close(context.Context) error {
	v.finish.Do(func() {
		close(v.stop)
		v.expirer.Wait()
		v.mini.Close()
	})
	return nil
}
