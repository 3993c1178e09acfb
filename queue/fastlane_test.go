package queue

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// shard is the partition in which the tests' messages lie.
const shard = 7

// message makes one that is accepted now, may be tried twice and expires after a minute.
func (f *fixture) message() avanak.Message {
	m := avanak.Message{ID: avanak.NewID(avanak.MessagePrefix, f.now), Tenant: "acme",
		Clip: avanak.NewID(avanak.ClipPrefix, f.now), Number: numbers(1, 1)[0], Window: avanak.Window{To: 1440},
		Retry:       avanak.RetryPolicy{MaxAttempts: 2, Busy: 10 * time.Second, Congestion: time.Second, CongestionTries: 2},
		Ring:        testRing,
		OnUncertain: avanak.Hold, Accepted: f.now, Expires: f.now.Add(time.Minute)}
	for avanak.PartitionOf(m.ID) != shard {
		m.ID = avanak.NewID(avanak.MessagePrefix, f.now.Add(time.Duration(rand.IntN(1000))*time.Millisecond))
	}
	return m
}

// push accepts a message on the lane.
func (f *fixture) push(change func(*avanak.Message)) avanak.Message {
	f.t.Helper()
	m := f.message()
	if change != nil {
		change(&m)
	}
	created, err := f.PushMessage(f.t.Context(), m, "fp")
	require.NoError(f.t, err)
	require.True(f.t, created)
	return m
}

func (f *fixture) claimFast(want int) []Claim {
	f.t.Helper()
	claims, err := f.ClaimFast(f.t.Context(), shard, want)
	require.NoError(f.t, err)
	return claims
}

func (f *fixture) status(m avanak.Message) avanak.MessageStatus {
	f.t.Helper()
	s, err := f.Message(f.t.Context(), m.ID)
	require.NoError(f.t, err)
	return s
}

// auditMessage holds what must be true of a message at every instant: while it is open it lies in exactly one of the
// queue and the leases and its record does not expire; afterwards it lies in neither and the record does.
func (f *fixture) auditMessage(m avanak.Message) {
	f.t.Helper()
	ctx, k := f.t.Context(), shardOf(avanak.PartitionOf(m.ID))
	places := 0
	for _, key := range []string{k.queue(), k.deadlines()} {
		if err := f.rdb.ZScore(ctx, key, m.ID).Err(); err == nil {
			places++
		} else {
			require.ErrorIs(f.t, err, redis.Nil)
		}
	}
	life, err := f.rdb.PTTL(ctx, k.message(m.ID)).Result()
	require.NoError(f.t, err)
	s, events := f.status(m), f.events(m.ID)
	if s.State.Terminal() {
		require.Zero(f.t, places, "%s, but still queued or leased", s.State)
		require.Positive(f.t, life, "%s, but kept for ever", s.State)
		require.LessOrEqual(f.t, life, f.cfg.Retention)
		require.False(f.t, s.Ended.IsZero())
	} else {
		require.Equal(f.t, 1, places, "%s, but not in exactly one place", s.State)
		require.Equal(f.t, time.Duration(-1), life, "unfinished work must not expire")
		require.True(f.t, s.Ended.IsZero())
	}
	intents := 0
	for _, e := range events {
		if e.Kind == avanak.EventIntent {
			intents++
		}
	}
	require.Equal(f.t, intents, s.Attempts, "attempts must equal the intents")
	auditEvents(f.t, events)
}

// waiting lists the messages of the shard that wait, by due time.
func (f *fixture) waiting() map[string]time.Time {
	f.t.Helper()
	list, err := f.rdb.ZRangeWithScores(f.t.Context(), shardOf(shard).queue(), 0, -1).Result()
	require.NoError(f.t, err)
	due := make(map[string]time.Time, len(list))
	for _, z := range list {
		id, _ := z.Member.(string)
		due[id] = millis(int64(z.Score))
	}
	return due
}

// corrupt writes a field of a message behind the queue's back.
func (f *fixture) corrupt(m avanak.Message, field string, value int) {
	f.t.Helper()
	key := shardOf(avanak.PartitionOf(m.ID)).message(m.ID)
	require.NoError(f.t, f.rdb.HSet(f.t.Context(), key, field, strconv.Itoa(value)).Err())
}
