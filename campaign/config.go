package campaign

import (
	"cmp"
	"fmt"

	"github.com/avanak/avanak"
)

// Config is the service's settings. A zero field means its default.
type Config struct {
	Sandbox       bool // every campaign and message goes to the sandbox trunk
	MaxRecipients int  // most recipients of one campaign, 1 to 100 million; 0 means 10 million
	// MaxHeld is the most numbers that all uploads under way may hold in memory together, rounded up to the next 16384
	// (at most 40 bytes each, at the peak); at least MaxRecipients, 0 means twice MaxRecipients.
	MaxHeld int
	// Callers are the caller numbers that may be shown to callees; nil leaves the choice free (on the sandbox, which calls
	// nobody). A request that names no caller shows the trunk's own number.
	Callers []avanak.Number
}

// DefaultConfig returns the settings in force where nothing is said.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	c.MaxRecipients = cmp.Or(c.MaxRecipients, 10_000_000)
	c.MaxHeld = cmp.Or(c.MaxHeld, 2*c.MaxRecipients)
	return c
}

// Validate names the first rule that the settings break.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.MaxRecipients < 1 || c.MaxRecipients > 100_000_000:
		return fmt.Errorf("%w: max_recipients must be 1 to 100000000", avanak.ErrInvalid)
	case c.MaxHeld < c.MaxRecipients:
		return fmt.Errorf("%w: max_held must be at least max_recipients", avanak.ErrInvalid)
	}
	return nil
}
