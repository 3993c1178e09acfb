package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// supBatch bounds the numbers of one round trip, and so the memory and the time that one call takes from others.
const supBatch = 5000

// Suppressions is the list of numbers that must not be called, by anybody. It has no cache: what one gateway adds, the next
// question of any other sees. Where it answers with an error, the caller must not call.
type Suppressions struct {
	rdb redis.UniversalClient
}

// NewSuppressions returns the list that is kept in rdb.
func NewSuppressions(rdb redis.UniversalClient) *Suppressions { return &Suppressions{rdb: rdb} }

// Add suppresses the numbers. It is idempotent; after an error any part of them may have been added. A number that is zero
// gives an error that wraps avanak.ErrInvalid, and nothing is added.
func (s *Suppressions) Add(ctx context.Context, numbers ...avanak.Number) error {
	return s.change(ctx, "add suppressions", numbers, redis.Pipeliner.SAdd)
}

// Remove lifts the suppression of the numbers, under the same terms as Add.
func (s *Suppressions) Remove(ctx context.Context, numbers ...avanak.Number) error {
	return s.change(ctx, "remove suppressions", numbers, redis.Pipeliner.SRem)
}

// change runs one set command per shard and batch.
func (s *Suppressions) change(ctx context.Context, op string, numbers []avanak.Number,
	command func(redis.Pipeliner, context.Context, string, ...any) *redis.IntCmd,
) error {
	if slices.Contains(numbers, 0) {
		return fmt.Errorf("%s: %w: zero is not a number", op, avanak.ErrInvalid)
	}
	for batch := range slices.Chunk(numbers, supBatch) {
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for shard, at := range byShard(batch) {
				if len(at) > 0 {
					command(p, ctx, supKey(shard), members(batch, at)...)
				}
			}
			return nil
		})
		if err != nil {
			return redisFault(op, err)
		}
	}
	return nil
}

// Has tells whether the number is suppressed.
func (s *Suppressions) Has(ctx context.Context, n avanak.Number) (bool, error) {
	held, err := s.rdb.SIsMember(ctx, supKey(supShard(n)), n.Digits()).Result()
	if err != nil {
		return false, redisFault("look up suppression", err)
	}
	return held, nil
}

// HasMany tells for each number whether it is suppressed, in their order, with one round trip per 5000 numbers. After an
// error no answer is returned.
func (s *Suppressions) HasMany(ctx context.Context, numbers []avanak.Number) ([]bool, error) {
	held := make([]bool, 0, len(numbers))
	for batch := range slices.Chunk(numbers, supBatch) {
		answer, err := s.hasBatch(ctx, batch)
		if err != nil {
			return nil, err
		}
		held = append(held, answer...)
	}
	return held, nil
}

func (s *Suppressions) hasBatch(ctx context.Context, batch []avanak.Number) ([]bool, error) {
	shards := byShard(batch)
	var replies [supShards]*redis.BoolSliceCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for shard, at := range shards {
			if len(at) > 0 {
				replies[shard] = p.SMIsMember(ctx, supKey(shard), members(batch, at)...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, redisFault("look up suppressions", err)
	}
	held := make([]bool, len(batch))
	for shard, at := range shards {
		if len(at) == 0 {
			continue
		}
		answer := replies[shard].Val()
		if len(answer) != len(at) {
			return nil, fmt.Errorf("look up suppressions: %w: %d answers to %d numbers", avanak.ErrUnavailable,
				len(answer), len(at))
		}
		for i, where := range at {
			held[where] = answer[i]
		}
	}
	return held, nil
}

// Count returns how many numbers are suppressed.
func (s *Suppressions) Count(ctx context.Context) (int64, error) {
	var replies [supShards]*redis.IntCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for shard := range replies {
			replies[shard] = p.SCard(ctx, supKey(shard))
		}
		return nil
	})
	if err != nil {
		return 0, redisFault("count suppressions", err)
	}
	var total int64
	for _, r := range replies {
		total += r.Val()
	}
	return total, nil
}

// byShard returns, for each set, where in the batch its numbers stand.
func byShard(batch []avanak.Number) [supShards][]int {
	var shards [supShards][]int
	for i, n := range batch {
		k := supShard(n)
		shards[k] = append(shards[k], i)
	}
	return shards
}

// members spells the numbers that stand at these places of the batch.
func members(batch []avanak.Number, at []int) []any {
	spelled := make([]any, len(at))
	for i, where := range at {
		spelled[i] = batch[where].Digits()
	}
	return spelled
}
