package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// closers are what must be closed, in reverse order of opening, each by name and within a time of its own.
type closers struct {
	log  *slog.Logger
	list []closer
}

type closer struct {
	name  string
	limit time.Duration
	close func(context.Context) error
}

func (c *closers) add(name string, limit time.Duration, f func(context.Context) error) {
	c.list = append(c.list, closer{name, limit, f})
}

// close runs them once, the last opened first; a failure of one does not spare the others.
func (c *closers) close() error {
	var errs []error
	for _, step := range slices.Backward(c.list) {
		// The context that ended the process must not cut its tidying up.
		ctx, cancel := context.WithTimeout(context.Background(), step.limit)
		begun := time.Now()
		if err := step.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", step.name, err))
		}
		c.log.Debug("closed", "part", step.name, "took", time.Since(begun))
		cancel()
	}
	c.list = nil
	return errors.Join(errs...)
}
