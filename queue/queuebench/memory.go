package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/figures"
	"github.com/avanak/avanak/queue"
)

// finished is how many recipients the finished campaign has.
const finished = 20_000

// queuedBytes measures what a recipient that waits for its first call costs.
func queuedBytes(ctx context.Context, n int) (f figures.Figure, err error) {
	f = figures.Figure{Name: "queue.redis_bytes_per_recipient_" + amount(n), Unit: "B", Better: figures.Lower, Goal: 32}
	s, err := startServer(ctx)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	f, err = figures.Take(f, func() (float64, error) {
		return s.perUnit(ctx, n, func(q *queue.Queue) error {
			_, err := load(ctx, q, n)
			return err
		})
	})
	if err != nil {
		return f, err
	}
	cost, err := s.taskBytes(ctx)
	if err != nil {
		return f, err
	}
	f.Anchor = &figures.Anchor{Name: "hash per task and list of ids", Value: figures.Round(cost)}
	f.Ratio = figures.Round(f.Value / f.Anchor.Value)
	return f, nil
}

// doneBytes measures what a recipient of a finished campaign costs, its events trimmed.
func doneBytes(ctx context.Context) (f figures.Figure, err error) {
	f = figures.Figure{Name: "queue.redis_bytes_per_recipient_done", Unit: "B", Better: figures.Lower, Goal: 40}
	s, err := startServer(ctx)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return figures.Take(f, func() (float64, error) {
		return s.perUnit(ctx, finished, func(q *queue.Queue) error {
			c, err := load(ctx, q, finished)
			if err != nil {
				return err
			}
			if err := callAll(ctx, q, c, 8); err != nil {
				return err
			}
			return q.TrimEvents(ctx, -time.Minute) // those of this very millisecond too
		})
	})
}

// perUnit runs work on an empty store and returns the memory that stays, in bytes by unit. Work runs twice: what the first
// run leaves beside the data (scripts, tables) is no cost of the data. Its connections are closed before memory is read.
func (s *server) perUnit(ctx context.Context, units int, work func(*queue.Queue) error) (float64, error) {
	var before int64
	for range 2 {
		if err := s.admin.FlushAll(ctx).Err(); err != nil {
			return 0, fmt.Errorf("empty the store: %w", err)
		}
		var err error
		if before, err = s.usedMemory(ctx); err != nil {
			return 0, err
		}
		if err := s.work(ctx, work); err != nil {
			return 0, err
		}
	}
	after, err := s.usedMemory(ctx)
	if err != nil {
		return 0, err
	}
	return float64(after-before) / float64(units), nil
}

func (s *server) work(ctx context.Context, work func(*queue.Queue) error) (err error) {
	rdb := s.client(16)
	defer func() { err = errors.Join(err, rdb.Close()) }()
	q, err := queue.New(queue.DefaultConfig(), rdb)
	if err != nil {
		return err
	}
	if err := q.Prepare(ctx); err != nil {
		return err
	}
	return work(q)
}

// taskBytes measures the anchor: for each of 10 000 recipients a hash with a message of 140 bytes, and its id in a list.
func (s *server) taskBytes(ctx context.Context) (float64, error) {
	const tasks = 10_000
	if err := s.admin.FlushAll(ctx).Err(); err != nil {
		return 0, fmt.Errorf("empty the store: %w", err)
	}
	before, err := s.usedMemory(ctx)
	if err != nil {
		return 0, err
	}
	message := strings.Repeat("m", 140)
	for range tasks / 1000 {
		p := s.admin.Pipeline()
		for range 1000 {
			id := avanak.NewID("task_", time.Now())
			p.HSet(ctx, "tasks:{bench}:t:"+id, "msg", message, "state", "pending", "pending_since", time.Now().UnixNano())
			p.LPush(ctx, "tasks:{bench}:pending", id)
		}
		if _, err := p.Exec(ctx); err != nil {
			return 0, fmt.Errorf("write anchor: %w", err)
		}
	}
	after, err := s.usedMemory(ctx)
	return float64(after-before) / tasks, err
}

// amount writes a count as figures' names hold it: 100k, 10m.
func amount(n int) string {
	switch {
	case n%1_000_000 == 0:
		return strconv.Itoa(n/1_000_000) + "m"
	case n%1000 == 0:
		return strconv.Itoa(n/1000) + "k"
	}
	return strconv.Itoa(n)
}
