package main

import (
	"context"
	"errors"
	"time"

	"github.com/avanak/avanak/internal/figures"
	"github.com/avanak/avanak/queue"
)

const (
	rated   = 20_000 // recipients of the campaign whose rate is measured
	workers = 64
)

// durableRate measures how many recipients a second are claimed, dialled and settled with appendfsync always.
func durableRate(ctx context.Context) (f figures.Figure, err error) {
	f = figures.Figure{Name: "queue.durable_recipients_per_s", Unit: "1/s", Better: figures.Higher, Goal: 2000}
	s, err := startServer(ctx, "--appendonly", "yes", "--appendfsync", "always")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	rdb := s.client(workers)
	defer func() { err = errors.Join(err, rdb.Close()) }()
	q, err := queue.New(queue.DefaultConfig(), rdb)
	if err != nil {
		return f, err
	}
	if err := q.Prepare(ctx); err != nil {
		return f, err
	}
	return figures.Take(f, func() (float64, error) {
		c, err := load(ctx, q, rated)
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		err = callAll(ctx, q, c, workers)
		return rated / time.Since(begin).Seconds(), err
	})
}
