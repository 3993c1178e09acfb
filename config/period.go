package config

import (
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// Period is the time between repetitions of something that may also be off. The zero value means its default.
type Period time.Duration

// Off is the period of what never happens. In the file it is off, 0 or 0s.
const Off Period = -1

// UnmarshalText reads "off" or a duration.
func (p *Period) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*p = Off
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%w: must be off or a duration", avanak.ErrInvalid) // never quoted: it stands where a secret may
	}
	*p = Period(d)
	if d == 0 {
		*p = Off
	}
	return nil
}
