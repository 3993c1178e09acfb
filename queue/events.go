package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// Events reads a partition's stream: at most count events behind the one with id after ("" from the start). Readers keep
// the last ID as their cursor, so that a reader that crashed loses nothing.
func (q *Queue) Events(ctx context.Context, partition int, after string, count int64) ([]avanak.Event, error) {
	start := "-"
	if after != "" {
		start = "(" + after
	}
	entries, err := q.rdb.XRangeN(ctx, shardOf(partition).events(), start, "+", count).Result()
	if err != nil {
		return nil, fmt.Errorf("read events of partition %d: %w", partition, unavailable(err))
	}
	events := make([]avanak.Event, 0, len(entries))
	for _, e := range entries {
		ev, err := decodeEvent(e)
		if err != nil {
			return nil, fmt.Errorf("event %s of partition %d: %w", e.ID, partition, err)
		}
		events = append(events, ev)
	}
	return events, nil
}

// TrimEvents drops the events of all partitions that are older than age.
func (q *Queue) TrimEvents(ctx context.Context, age time.Duration) error {
	oldest := strconv.FormatInt(time.Now().Add(-age).UnixMilli(), 10)
	_, err := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range avanak.Partitions {
			p.XTrimMinID(ctx, shardOf(i).events(), oldest)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("trim events: %w", unavailable(err))
	}
	return nil
}

func decodeEvent(e redis.XMessage) (avanak.Event, error) {
	field := func(name string) string { s, _ := e.Values[name].(string); return s }
	var firstErr error
	number := func(name string) uint64 {
		s := field(name)
		if s == "" {
			return 0
		}
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil && firstErr == nil {
			firstErr = fmt.Errorf("field %s: %w", name, err)
		}
		return n
	}
	ev := avanak.Event{
		ID: e.ID, At: millis(int64(number("at"))), Kind: avanak.EventKind(field("k")), Tenant: field("t"), //nolint:gosec // ms since 1970
		Job: field("j"), Ordinal: uint32(number("o")), Attempt: int(number("a")), Token: number("tok"), //nolint:gosec // written by the scripts
		CallID: field("cid"), AfterUncertain: field("au") == "1", Outcome: avanak.Outcome(number("out")), //nolint:gosec // one byte
		State: avanak.State(number("st")), Run: avanak.Run(field("run")), Trunk: field("trk"), //nolint:gosec // one nibble
		Legs: int(number("l")), //nolint:gosec // written by the scripts
	}
	if r := field("r"); r != "" {
		result, err := unpackResult([]byte(r))
		if err != nil {
			return ev, err
		}
		ev.Result = result
	}
	return ev, firstErr
}
