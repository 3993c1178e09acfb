package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/avanak/avanak"
)

// PushMessage accepts a message on the fast lane. A repeated call with the same fingerprint of the request reports
// created=false; with another one it is avanak.ErrConflict. The window's present span must hold m.Accepted: the lane
// does not keep messages for the next morning (ErrWindowClosed).
func (q *Queue) PushMessage(ctx context.Context, m avanak.Message, fingerprint string) (created bool, err error) {
	open, until, ok := m.Window.Span(m.Accepted)
	if !ok || open.After(m.Accepted) {
		return false, ErrWindowClosed
	}
	spec, err := json.Marshal(m)
	if err != nil {
		return false, fmt.Errorf("encode message %s: %w", m.ID, err)
	}
	s := shardOf(avanak.PartitionOf(m.ID))
	charged, recorded := m.Retry.Limits()
	code, err := q.runInt(ctx, "fast_push", []string{s.message(m.ID), s.queue()}, m.ID, schema, m.Tenant, spec, fingerprint,
		m.Accepted.UnixMilli(), m.Expires.UnixMilli(), open.UnixMilli(), until.UnixMilli(), charged, recorded,
		string(m.OnUncertain), q.cfg.FastLimit, max(m.Ring, q.cfg.Redial).Milliseconds())
	if err != nil {
		return false, err
	}
	switch code {
	case -1:
		return false, fmt.Errorf("message %s exists with other content: %w", m.ID, avanak.ErrConflict)
	case -2:
		return false, ErrFull
	case 1:
		q.wake(ctx, m.ID)
	}
	return code == 1, nil
}

// Message reads a fast message and where it stands.
func (q *Queue) Message(ctx context.Context, id string) (avanak.MessageStatus, error) {
	var st avanak.MessageStatus
	h, err := q.rdb.HGetAll(ctx, shardOf(avanak.PartitionOf(id)).message(id)).Result()
	if err != nil {
		return st, fmt.Errorf("read message %s: %w", id, unavailable(err))
	}
	if len(h) == 0 {
		return st, fmt.Errorf("message %s: %w", id, avanak.ErrNotFound)
	}
	if v, _ := strconv.Atoi(h["v"]); v > schema {
		return st, fmt.Errorf("message %s: %w", id, ErrSchema)
	}
	if err := json.Unmarshal([]byte(h["spec"]), &st.Message); err != nil {
		return st, fmt.Errorf("decode message %s: %w", id, err)
	}
	if h["tl"] != "" {
		if err := json.Unmarshal([]byte(h["tl"]), &st.Timeline); err != nil {
			return st, fmt.Errorf("decode timeline of message %s: %w", id, err)
		}
	}
	state, err1 := strconv.ParseUint(h["state"], 10, 4)
	attempts, err2 := strconv.Atoi(h["attempts"])
	ended, err3 := strconv.ParseInt(h["ended"], 10, 64)
	result, err4 := unpackResult([]byte(h["result"]))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return st, fmt.Errorf("decode message %s: %w", id, err)
	}
	st.State, st.Attempts, st.Result, st.Ended = avanak.State(state), attempts, result, millis(ended)
	return st, nil
}

// Waiting lists the partitions whose shard of the fast lane may have messages that are due.
func (q *Queue) Waiting(ctx context.Context) ([]int, error) { return q.shards(ctx, shardKeys.queue) }

// ClaimFast leases messages of one partition's shard that are due: at most want (and 100).
func (q *Queue) ClaimFast(ctx context.Context, partition, want int) ([]Claim, error) {
	s := shardOf(partition)
	list, err := q.runList(ctx, "fast_claim", []string{s.queue(), s.deadlines(), s.events()}, q.clock, claimable(want),
		q.cfg.ClaimTTL.Milliseconds(), q.cfg.Node, s.messages(), q.cfg.Retention.Milliseconds())
	if err != nil {
		return nil, err
	}
	const width = 6
	if len(list)%width != 0 {
		return nil, fmt.Errorf("queue fast_claim: reply of %d fields", len(list))
	}
	taken := time.Now()
	claims := make([]Claim, 0, len(list)/width)
	for ; len(list) > 0; list = list[width:] {
		id, _ := list[0].(string)
		spec, _ := list[2].(string)
		token, err1 := asInt(list[1])
		attempts, err2 := asInt(list[3])
		uncharged, err3 := asInt(list[4])
		due, err4 := asInt(list[5])
		var m avanak.Message
		err5 := json.Unmarshal([]byte(spec), &m)
		if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
			return nil, fmt.Errorf("queue fast_claim: message %s: %w", id, err)
		}
		claims = append(claims, Claim{Lane: avanak.Fast, Job: id, Number: m.Number, Token: uint64(token), //nolint:gosec // grows from 1
			Attempts: int(attempts), Charged: int(attempts - uncharged), Order: orderOfMessage(m), Due: millis(due), Taken: taken})
	}
	return claims, nil
}
