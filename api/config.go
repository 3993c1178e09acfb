package api

import (
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// Config is the door's settings. The zero value of a field means its default.
type Config struct {
	ClipBytes int64 // largest upload of a clip, bytes
	ListBytes int64 // largest list of recipients, bytes
	BodyBytes int64 // largest JSON body, bytes

	Patience   time.Duration // longest silence of a client that is sending a body or reading an answer
	UploadTime time.Duration // longest time that the upload of a clip or a list may take, its handling included
	AnswerTime time.Duration // longest time that any other answer may take; streamed results have no such limit

	Uploads int    // clips that are handled at a time, and as many lists; others wait their turn
	TempDir string // where uploads of clips are kept until they are stored; "" means the system's
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{ClipBytes: 64 << 20, ListBytes: 512 << 20, BodyBytes: 1 << 20, Patience: 30 * time.Second,
		UploadTime: 15 * time.Minute, AnswerTime: 30 * time.Second, Uploads: 4}
}

// Validate names the first rule that the settings break. Its errors wrap avanak.ErrInvalid.
func (c Config) Validate() error {
	c = c.withDefaults()
	for _, l := range []struct {
		name  string
		bytes int64
	}{{"clip_bytes", c.ClipBytes}, {"list_bytes", c.ListBytes}, {"body_bytes", c.BodyBytes}} {
		if l.bytes < 1<<10 || l.bytes > 1<<33 {
			return fmt.Errorf("%w: %s must be 1 KiB to 8 GiB", avanak.ErrInvalid, l.name)
		}
	}
	for _, l := range []struct {
		name string
		time time.Duration
	}{{"patience", c.Patience}, {"upload_time", c.UploadTime}, {"answer_time", c.AnswerTime}} {
		if l.time < 10*time.Millisecond || l.time > 24*time.Hour {
			return fmt.Errorf("%w: %s must be 10ms to 24h", avanak.ErrInvalid, l.name)
		}
	}
	if c.Uploads < 1 || c.Uploads > 1000 {
		return fmt.Errorf("%w: uploads must be 1 to 1000", avanak.ErrInvalid)
	}
	return nil
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	or(&c.ClipBytes, d.ClipBytes)
	or(&c.ListBytes, d.ListBytes)
	or(&c.BodyBytes, d.BodyBytes)
	or(&c.Patience, d.Patience)
	or(&c.UploadTime, d.UploadTime)
	or(&c.AnswerTime, d.AnswerTime)
	or(&c.Uploads, d.Uploads)
	return c
}

// or sets what is zero.
func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
