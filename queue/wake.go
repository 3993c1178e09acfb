package queue

import (
	"context"
	"strconv"

	"github.com/avanak/avanak"
)

// wake tells dispatchers that the partition of this job has work. It is a hint: a lost one costs the time until the
// dispatcher's next look, so its error does not matter to the one who pushes.
func (q *Queue) wake(ctx context.Context, id string) {
	q.rdb.Publish(ctx, wakeChannel, avanak.PartitionOf(id))
}

// Wakes calls woken with the partition of each job that was accepted or started, until ctx ends. The subscription heals
// by itself when Redis was away; what was published meanwhile is missed.
func (q *Queue) Wakes(ctx context.Context, woken func(partition int)) error {
	sub := q.rdb.Subscribe(ctx, wakeChannel)
	defer sub.Close() //nolint:errcheck // the connection is given up either way
	messages := sub.Channel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, ok := <-messages:
			if !ok {
				return nil
			}
			if p, err := strconv.Atoi(m.Payload); err == nil && p >= 0 && p < avanak.Partitions {
				woken(p)
			}
		}
	}
}
