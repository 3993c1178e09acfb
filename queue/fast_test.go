package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestPushIsIdempotent(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(nil)
		created, err := f.PushMessage(t.Context(), m, "fp")
		require.NoError(t, err)
		require.False(t, created)
		_, err = f.PushMessage(t.Context(), m, "other")
		require.ErrorIs(t, err, avanak.ErrConflict)
		require.Len(t, f.claimFast(10), 1, "queued once")

		created, err = f.PushMessage(t.Context(), m, "fp")
		require.NoError(t, err)
		require.False(t, created)
		require.Empty(t, f.claimFast(10), "a repeated push does not queue what is leased")
		f.auditMessage(m)
	})
}

func TestPushRefusesWhenTheShardIsFull(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		f.cfg.FastLimit = 2
		m := f.push(nil)
		f.push(nil)
		third := f.message()
		_, err := f.PushMessage(t.Context(), third, "fp")
		require.ErrorIs(t, err, ErrFull)
		require.ErrorIs(t, err, avanak.ErrLimited)
		_, err = f.Message(t.Context(), third.ID)
		require.ErrorIs(t, err, avanak.ErrNotFound, "refused means that nothing was written")
		created, err := f.PushMessage(t.Context(), m, "fp")
		require.NoError(t, err, "who repeats gets the old answer, full or not")
		require.False(t, created)

		f.claimFast(1)
		created, err = f.PushMessage(t.Context(), third, "fp")
		require.NoError(t, err)
		require.True(t, created)
	})
}

func TestPushRefusesOutsideTheWindow(t *testing.T) {
	const noon = 12*60 + 30 // in Tehran, when the fixture's clock starts
	both(t, func(t *testing.T, f *fixture) {
		for name, w := range map[string]avanak.Window{
			"never open":    {},
			"opens later":   {From: noon + 1, To: 1440},
			"just closed":   {From: 0, To: noon},
			"not this zone": {From: noon, To: noon + 60, Zone: "UTC"},
			"unknown zone":  {To: 1440, Zone: "Nowhere"},
		} {
			m := f.message()
			m.Window = w
			_, err := f.PushMessage(t.Context(), m, "fp")
			require.ErrorIs(t, err, ErrWindowClosed, name)
		}
		require.Empty(t, f.waiting())
		f.push(func(m *avanak.Message) { m.Window = avanak.Window{From: noon, To: noon + 1} })
	})
}

func TestClaimFastServesTheLongestWaitingFirst(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		late := f.push(func(m *avanak.Message) { m.Accepted = f.now.Add(2 * time.Second) })
		third := f.push(nil)
		first := f.push(func(m *avanak.Message) { m.Accepted = f.now.Add(-2 * time.Second) })
		second := f.push(func(m *avanak.Message) { m.Accepted = f.now.Add(-time.Second) })
		for _, want := range []int{0, -1} {
			require.Empty(t, f.claimFast(want))
		}

		claims := append(f.claimFast(2), f.as("other").claimFast(10)...)
		require.Len(t, claims, 3, "what is not due is not served")
		for i, m := range []avanak.Message{first, second, third} {
			cl := claims[i]
			require.False(t, cl.Taken.IsZero())
			cl.Taken = time.Time{}
			require.Equal(t, Claim{Lane: avanak.Fast, Job: m.ID, Number: m.Number, Token: 1, Order: orderOfMessage(m),
				Due: m.Accepted}, cl)
			f.auditMessage(m)
		}
		f.advance(2 * time.Second)
		require.Equal(t, late.ID, f.claimFast(10)[0].Job)
	})
}

func TestExpiredMessagesAreClosedAndNeverLeased(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		expired := f.push(nil)
		alive := f.push(func(m *avanak.Message) { m.Expires = f.now.Add(time.Minute + time.Millisecond) })
		f.advance(time.Minute)
		claims := f.claimFast(10)
		require.Len(t, claims, 1)
		require.Equal(t, alive.ID, claims[0].Job)

		s := f.status(expired)
		require.Equal(t, avanak.HasExpired, s.State)
		require.Equal(t, avanak.Expired, s.Result.Outcome)
		require.Equal(t, f.now, s.Ended)
		events := f.events(expired.ID)
		require.Len(t, events, 1)
		require.Equal(t, avanak.EventSkipped, events[0].Kind)
		require.Equal(t, avanak.Expired, events[0].Outcome)
		require.Equal(t, avanak.HasExpired, events[0].State)
		require.Equal(t, "acme", events[0].Tenant)
		f.auditMessage(expired)
	})
}

func TestWaitingNamesTheShardsThatHaveWork(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		look := func() []int {
			busy, err := f.Waiting(t.Context())
			require.NoError(t, err)
			return busy
		}
		require.Empty(t, look())
		f.push(nil)
		other := f.message()
		for avanak.PartitionOf(other.ID) != shard+1 {
			other.ID = avanak.NewID(avanak.MessagePrefix, f.now)
		}
		_, err := f.PushMessage(t.Context(), other, "fp")
		require.NoError(t, err)
		require.Equal(t, []int{shard, shard + 1}, look())
		f.claimFast(1)
		require.Equal(t, []int{shard + 1}, look())
	})
}

func TestWaitingPassesOverWhatIsDueMuchLater(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		f.now = time.Now()
		f.clock = "" // Redis' own
		f.push(func(m *avanak.Message) {
			m.Accepted, m.Expires = f.now.Add(time.Hour), f.now.Add(2*time.Hour)
		})
		busy, err := f.Waiting(t.Context())
		require.NoError(t, err)
		require.Empty(t, busy)
		require.Empty(t, f.claimFast(1))
		m := f.push(nil)
		busy, err = f.Waiting(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{shard}, busy)
		require.Eventually(t, func() bool {
			claims := f.claimFast(1)
			return len(claims) == 1 && claims[0].Job == m.ID
		}, 10*time.Second, time.Millisecond)
	})
}

func TestMessageReadsWhatWasWritten(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(func(m *avanak.Message) {
			m.Caller, m.Sandbox, m.OnUncertain = numbers(9, 1)[0], true, avanak.Redial
		})
		require.Equal(t, avanak.MessageStatus{Message: m}, f.status(m))

		at := func(ms int) time.Time { return f.now.Add(time.Duration(ms) * time.Millisecond) }
		r := avanak.Report{Trunk: "t1", Result: avanak.Result{Outcome: avanak.Completed, SIP: 200, Cause: 16, Started: f.now,
			Ring: 3 * time.Second, Talk: 4 * time.Second, Played: 3500 * time.Millisecond},
			Timeline: avanak.Timeline{Accepted: f.now, Taken: at(1), Invited: at(2), Ringing: at(40), Answered: at(3040),
				FirstRTP: at(3041), FirstClip: at(3541), LastRTP: at(7000), Ended: at(7041)}}
		i := f.dial(f.claimFast(1)[0])
		f.advance(8 * time.Second)
		_, err := f.Settle(t.Context(), i, r, time.Time{})
		require.NoError(t, err)
		require.Equal(t, avanak.MessageStatus{Message: m, State: avanak.Delivered, Attempts: 1, Result: r.Result,
			Timeline: r.Timeline, Ended: f.now}, f.status(m))

		f.corrupt(m, "v", schema+1)
		_, err = f.Message(t.Context(), m.ID)
		require.ErrorIs(t, err, ErrSchema)
		_, err = f.Message(t.Context(), "msg_none")
		require.ErrorIs(t, err, avanak.ErrNotFound)
	})
}

func TestDamagedMessagesAreErrors(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		for field, value := range map[string]string{"spec": "{", "tl": "{", "state": "16", "attempts": "x", "ended": "x",
			"result": "short"} {
			m := f.push(nil)
			key := shardOf(shard).message(m.ID)
			require.NoError(t, f.rdb.HSet(t.Context(), key, field, value).Err())
			_, err := f.Message(t.Context(), m.ID)
			require.ErrorContains(t, err, m.ID, field)
		}
	})
}
