package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// Schema is the version of the layout of all Redis keys that this build reads and writes.
const Schema = 1

// Prepare writes the layout of an empty store, and checks that of a used one. It refuses, with an error that wraps
// avanak.ErrConflict, a store of a newer schema (an older gateway must not write into it) and one with another number of
// partitions (ids would map to other keys). Any number of gateways may call it at the same time.
func Prepare(ctx context.Context, rdb redis.UniversalClient) error {
	var got *redis.SliceCmd
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HSetNX(ctx, metaKey, "partitions", avanak.Partitions)
		p.HSetNX(ctx, metaKey, "schema", Schema)
		got = p.HMGet(ctx, metaKey, "schema", "partitions")
		return nil
	})
	if err != nil {
		return redisFault("prepare store", err)
	}
	schema, err := metaNumber(got.Val(), 0)
	if err != nil {
		return fmt.Errorf("prepare store: schema: %w", err)
	}
	partitions, err := metaNumber(got.Val(), 1)
	if err != nil {
		return fmt.Errorf("prepare store: partitions: %w", err)
	}
	switch {
	case schema > Schema:
		return fmt.Errorf("prepare store: %w: the store has schema %d, this build knows up to %d: start the newer gateway",
			avanak.ErrConflict, schema, Schema)
	case partitions != avanak.Partitions:
		return fmt.Errorf("prepare store: %w: the store has %d partitions, this build %d: use the build that made the store",
			avanak.ErrConflict, partitions, avanak.Partitions)
	}
	return nil
}

// metaNumber reads one field of the layout.
func metaNumber(fields []any, i int) (int, error) {
	if i >= len(fields) {
		return 0, fmt.Errorf("%w: field is missing", avanak.ErrConflict)
	}
	text, _ := fields[i].(string)
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: %q is not a count", avanak.ErrConflict, text)
	}
	return n, nil
}
