package embedded

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak"
)

// Config holds the settings of the embedded store. The zero value of a field means its default.
type Config struct {
	Dir            string        // directory of the server's files, made with mode 0700 where it is missing; required
	Binary         string        // path or name of the server; default: redis-server, then valkey-server, in PATH
	MaxMemory      int64         // bytes of data above which writes are refused; default and limit: a quarter of the RAM
	RequireDurable bool          // refuse to fall back to the volatile store (env: production)
	LockWait       time.Duration // how long to wait for a killed gateway's child to end; default 30 s
	LoadWait       time.Duration // how long the server may take to load its data at the start; default 15 min
	StopWait       time.Duration // how long the server may take to end before it is killed; default 30 s
	Logger         *slog.Logger  // default: none
	// Registerer takes the metrics of the store that Open returns; default: none are made.
	Registerer prometheus.Registerer
}

// DefaultConfig returns the settings that are used where a field is zero; it has no Dir.
func DefaultConfig() Config {
	return Config{LockWait: 30 * time.Second, LoadWait: 15 * time.Minute, StopWait: 30 * time.Second,
		Logger: slog.New(slog.DiscardHandler)}
}

// minMemory is the smallest MaxMemory with which a gateway is of use.
const minMemory = 16 << 20

// Validate names the first setting that is out of bounds; the error wraps avanak.ErrInvalid.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return fmt.Errorf("%w: the embedded store needs a directory", avanak.ErrInvalid)
	case c.MaxMemory != 0 && c.MaxMemory < minMemory:
		return fmt.Errorf("%w: the embedded store needs at least %d bytes of memory", avanak.ErrInvalid, minMemory)
	case c.LockWait < 0 || c.LoadWait < 0 || c.StopWait < 0:
		return fmt.Errorf("%w: waits of the embedded store must not be negative", avanak.ErrInvalid)
	}
	return nil
}

// withDefaults fills in the fields that are zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.LockWait = cmp.Or(c.LockWait, d.LockWait)
	c.LoadWait = cmp.Or(c.LoadWait, d.LoadWait)
	c.StopWait = cmp.Or(c.StopWait, d.StopWait)
	c.Logger = cmp.Or(c.Logger, d.Logger)
	return c
}
