package client

import (
	"fmt"
	"time"
)

// Duration travels as Go's text, "3s".
type Duration time.Duration

// String returns the text as time.Duration writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes "3s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "3s", "1m30s", "0.5s".
func (d *Duration) UnmarshalText(b []byte) error {
	parsed, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("duration must look like 3s or 1m30s: %w", err)
	}
	*d = Duration(parsed)
	return nil
}
