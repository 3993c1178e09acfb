package store

import (
	"cmp"
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// MaxKeyCache is the longest time for which a revoked API key may still be accepted.
const MaxKeyCache = 5 * time.Second

// Config holds the settings of Clips and Keys. The zero value of a field means its default.
type Config struct {
	FrameCache int64         // bytes of encoded clips kept in memory; default 256 MiB, which is 4 h of audio
	KeyCache   time.Duration // for how long a verified API key is trusted without asking Redis; default and limit 5 s
}

// DefaultConfig returns the settings that are used where a field is zero.
func DefaultConfig() Config { return Config{FrameCache: 256 << 20, KeyCache: MaxKeyCache} }

// Validate names the first setting that is out of bounds; the error wraps avanak.ErrInvalid.
func (c Config) Validate() error {
	if c.FrameCache < 0 {
		return fmt.Errorf("%w: frame cache must not be negative", avanak.ErrInvalid)
	}
	if c.KeyCache < 0 || c.KeyCache > MaxKeyCache {
		return fmt.Errorf("%w: key cache must be 0 to %s", avanak.ErrInvalid, MaxKeyCache)
	}
	return nil
}

// withDefaults fills in the fields that are zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.FrameCache = cmp.Or(c.FrameCache, d.FrameCache)
	c.KeyCache = cmp.Or(c.KeyCache, d.KeyCache)
	return c
}
