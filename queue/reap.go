package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// Extend is the heartbeat: it renews the given leases, batched by campaign and shard, and returns those that are lost.
func (q *Queue) Extend(ctx context.Context, held []Held) (lost []Held, err error) {
	type group struct {
		keys []string
		args []any
		name string
		held []Held
	}
	groups := make(map[string]*group)
	ttl := q.cfg.DialTTL.Milliseconds()
	for _, h := range held {
		k, member := keysOf(h.Job), fmt.Sprint(h.Ordinal)
		id := k.hash
		if h.Lane == avanak.Fast {
			id, member = k.part, h.Job
		}
		g := groups[id]
		if g == nil {
			g = &group{name: "extend", keys: []string{k.deadlines(), k.leases()}, args: []any{q.clock, ttl}}
			if h.Lane == avanak.Fast {
				s := shardOf(avanak.PartitionOf(h.Job))
				g = &group{name: "fast_extend", keys: []string{s.deadlines()}, args: []any{q.clock, ttl, s.messages()}}
			}
			groups[id] = g
		}
		g.args = append(g.args, member, h.Token)
		g.held = append(g.held, h)
	}
	for _, g := range groups {
		positions, err := q.runList(ctx, g.name, g.keys, g.args...)
		if err != nil {
			return lost, err
		}
		for _, p := range positions {
			at, err := asInt(p)
			if err != nil || at < 1 || int(at) > len(g.held) {
				return lost, fmt.Errorf("queue %s: malformed reply %v", g.name, positions)
			}
			lost = append(lost, g.held[at-1])
		}
	}
	return lost, nil
}

// reapBatch bounds what one reap script takes up.
const reapBatch = 100

// Reap takes up the leases of nodes that fell silent, over the given campaigns (of Active) and the whole fast lane. Any
// node may run it, at any time, more than one at once.
func (q *Queue) Reap(ctx context.Context, campaigns []avanak.Campaign) (Reaped, error) {
	var total Reaped
	add := func(list []any, err error) (again bool, _ error) {
		if err != nil {
			return false, err
		}
		if len(list) != 2 {
			return false, fmt.Errorf("queue reap: reply of %d fields", len(list))
		}
		requeued, err1 := asInt(list[0])
		uncertain, err2 := asInt(list[1])
		if err1 != nil || err2 != nil {
			return false, fmt.Errorf("queue reap: malformed reply %v", list)
		}
		total.Requeued += int(requeued)
		total.Uncertain += int(uncertain)
		return requeued+uncertain >= reapBatch, nil
	}
	for _, c := range campaigns {
		k := keysOf(c.ID)
		for again := true; again; {
			var err error
			if again, err = add(q.runList(ctx, "reap", []string{k.hash, k.deadlines(), k.leases(), k.ready(), k.events(),
				k.dir()}, q.clock, c.ID, c.Tenant, reapBatch)); err != nil {
				return total, err
			}
		}
	}
	busy, err := q.shards(ctx, shardKeys.deadlines)
	if err != nil {
		return total, err
	}
	for _, p := range busy {
		s := shardOf(p)
		for again := true; again; {
			if again, err = add(q.runList(ctx, "fast_reap", []string{s.deadlines(), s.queue(), s.events()}, q.clock, reapBatch,
				s.messages(), q.cfg.Retention.Milliseconds())); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// promoteBatch bounds what one promote script moves.
const promoteBatch = 1000

// Promote makes retries of a campaign that have fallen due ready to be claimed, and returns how many.
func (q *Queue) Promote(ctx context.Context, id string) (int, error) {
	k, total := keysOf(id), 0
	for {
		n, err := q.runInt(ctx, "promote", []string{k.buckets(), k.ready(), k.hash}, q.clock, promoteBatch)
		if err != nil {
			return total, err
		}
		total += n
		if n < promoteBatch {
			return total, nil
		}
	}
}

// shards lists the partitions whose zset under key has a member with a score that is due.
func (q *Queue) shards(ctx context.Context, key func(shardKeys) string) ([]int, error) {
	found := make([]*redis.IntCmd, avanak.Partitions)
	until := fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()) // a hint only: the scripts compare with Redis' clock
	if q.clock != "" {
		until = "+inf"
	}
	_, err := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range found {
			found[i] = p.ZCount(ctx, key(shardOf(i)), "-inf", until)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at the fast lane: %w", unavailable(err))
	}
	var busy []int
	for i, f := range found {
		if f.Val() > 0 {
			busy = append(busy, i)
		}
	}
	return busy, nil
}
