package queue

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// Results yields what became of each recipient of a campaign, in the order of the list, from the given ordinal on. It
// reads a segment at a time: memory does not grow with the campaign. While calls run, what it yields is of the instant
// of each segment's reading.
func (q *Queue) Results(ctx context.Context, id string, from uint32) iter.Seq2[avanak.Recipient, error] {
	return func(yield func(avanak.Recipient, error) bool) {
		_, p, err := q.Campaign(ctx, id)
		if err != nil {
			yield(avanak.Recipient{}, err)
			return
		}
		for ord := int(from); ord < p.Recipients; {
			seg, off := ord/SegmentSize, ord%SegmentSize
			rows, err := q.segment(ctx, keysOf(id), seg, off, min(SegmentSize, p.Recipients-seg*SegmentSize)-off)
			if err != nil {
				yield(avanak.Recipient{}, fmt.Errorf("read results of campaign %s: %w", id, err))
				return
			}
			for _, r := range rows {
				if p.Run == avanak.CancelledRun && (r.State == avanak.Pending || r.State == avanak.RetryWait) {
					r.State = avanak.Cancelled
				}
				if !yield(r, nil) {
					return
				}
			}
			ord += len(rows)
		}
	}
}

func (q *Queue) segment(ctx context.Context, k campaignKeys, seg, off, count int) ([]avanak.Recipient, error) {
	var n, st, r *redis.StringCmd
	_, err := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		n = p.GetRange(ctx, k.numbers(seg), int64(off*numberBytes), int64((off+count)*numberBytes-1))
		st = p.GetRange(ctx, k.states(seg), int64(off), int64(off+count-1))
		r = p.GetRange(ctx, k.results(seg), int64(off*resultBytes), int64((off+count)*resultBytes-1))
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	numbers, states, results := []byte(n.Val()), []byte(st.Val()), []byte(r.Val())
	if len(numbers) != count*numberBytes || len(states) != count || len(results) != count*resultBytes {
		return nil, fmt.Errorf("segment %d is short: %d, %d and %d bytes for %d recipients", seg, len(numbers), len(states),
			len(results), count)
	}
	rows := make([]avanak.Recipient, count)
	for i := range rows {
		result, err := unpackResult(results[i*resultBytes : (i+1)*resultBytes])
		if err != nil {
			return nil, err
		}
		rows[i] = avanak.Recipient{
			Ordinal:  uint32(seg*SegmentSize + off + i), //nolint:gosec // below the campaign's count
			Number:   avanak.Number(binary.BigEndian.Uint64(numbers[i*numberBytes:])),
			State:    avanak.State(states[i] & 0x0f),
			Attempts: int(states[i] >> 4),
			Result:   result,
		}
	}
	return rows, nil
}
