package media

import (
	"fmt"
	"runtime"

	"github.com/avanak/avanak"
)

// MaxThreads is the most pacer goroutines that a Config may ask for.
const MaxThreads = 64

// Config is what an operator may set about play-out.
type Config struct {
	// Threads is how many goroutines pace, each with a wheel of its own; 0 means two, or one on a single core.
	Threads int
}

// DefaultConfig paces on two goroutines, or on one where Go may use a single core: one carries some thousand streams.
func DefaultConfig() Config { return Config{Threads: min(2, runtime.GOMAXPROCS(0))} }

// Validate names the first rule that the configuration breaks; the error wraps avanak.ErrInvalid.
func (c Config) Validate() error {
	if c.Threads < 0 || c.Threads > MaxThreads {
		return fmt.Errorf("%w: media threads must be 0 to %d", avanak.ErrInvalid, MaxThreads)
	}
	return nil
}
