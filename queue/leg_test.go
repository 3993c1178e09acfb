package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// lanes runs a conformance test on an intent of each lane: of a campaign with one recipient and of a message.
func lanes(t *testing.T, test func(t *testing.T, f *fixture, job any, i Intent)) {
	t.Helper()
	t.Run("bulk", func(t *testing.T) {
		both(t, func(t *testing.T, f *fixture) {
			c := f.campaign(1, nil)
			test(t, f, c, f.dial(f.claim(c, 1)[0]))
			f.audit(c)
		})
	})
	t.Run("fast", func(t *testing.T) {
		both(t, func(t *testing.T, f *fixture) {
			m := f.push(nil)
			test(t, f, m, f.dial(f.claimFast(1)[0]))
			f.auditMessage(m)
		})
	})
}

// legsOf lists the events of an attempt from its second leg on, and its close's.
func (f *fixture) legsOf(i Intent) (callIDs []string, closed []avanak.Event) {
	f.t.Helper()
	for _, e := range f.events(i.Claim().Job) {
		switch e.Kind {
		case avanak.EventLeg:
			callIDs = append(callIDs, e.CallID)
		case avanak.EventClosed, avanak.EventLate:
			closed = append(closed, e)
		case avanak.EventIntent, avanak.EventSkipped, avanak.EventRun:
		}
	}
	return callIDs, closed
}

// What the reader of a carrier's log sees of an attempt with three legs.
func TestLegsBelongToOneAttempt(t *testing.T) {
	lanes(t, func(t *testing.T, f *fixture, _ any, first Intent) {
		t.Helper()
		require.Equal(t, 1, first.Leg())
		second := f.leg(first)
		require.Equal(t, second, f.leg(first), "a repeated leg is the same leg")
		third := f.leg(second)
		require.Equal(t, []int{1, 2, 3}, []int{first.Leg(), second.Leg(), third.Leg()})
		require.Equal(t, []string{first.CallID() + "-l2", first.CallID() + "-l3"}, []string{second.CallID(), third.CallID()})
		require.Equal(t, first.Held(), third.Held())
		require.Equal(t, 1, third.Attempt())
		_, err := f.Leg(t.Context(), third)
		require.ErrorIs(t, err, ErrExhausted)
		_, err = f.Leg(t.Context(), first)
		require.ErrorIs(t, err, ErrFenced, "no leg is recorded twice, whoever remembers it")
		_, err = f.Leg(t.Context(), Intent{})
		require.ErrorIs(t, err, ErrFenced)

		found, err := f.Settle(t.Context(), third, avanak.Report{Result: avanak.Result{Outcome: avanak.Completed}, Legs: 3}, time.Time{})
		require.NoError(t, err)
		require.Equal(t, SettledFinal, found)
		require.Equal(t, SettledDup, f.settle(third, avanak.Completed))
		require.Equal(t, SettledDup, f.settle(first, avanak.Busy), "one close, whichever leg speaks")
		callIDs, closed := f.legsOf(first)
		require.Equal(t, []string{second.CallID(), third.CallID()}, callIDs)
		require.Len(t, closed, 1)
		require.Equal(t, 3, closed[0].Legs)
		require.Equal(t, first.CallID(), closed[0].CallID, "the close names the attempt")
	})
}

func TestOneAttemptIsChargedWhateverItsLegs(t *testing.T) {
	lanes(t, func(t *testing.T, f *fixture, job any, i Intent) {
		t.Helper()
		require.Equal(t, SettledRetry, f.settle(f.leg(f.leg(i)), avanak.Busy))
		f.advance(12 * time.Second)
		var again Claim
		if c, ok := job.(avanak.Campaign); ok {
			require.Equal(t, 1, f.promote(c))
			again = f.claim(c, 1)[0]
		} else {
			again = f.claimFast(1)[0]
		}
		require.Equal(t, []int{1, 1}, []int{again.Attempts, again.Charged})
		next := f.dial(again)
		require.Equal(t, []int{2, 1}, []int{next.Attempt(), next.Leg()}, "another attempt begins with its first leg")
		second := f.leg(next)
		require.Equal(t, avanak.LegCallID(again.Job, again.Ordinal, 2, 2), second.CallID())
		require.Equal(t, SettledFinal, f.settle(second, avanak.Completed))
	})
}

// DESIGN I6 and I5, for legs as for intents.
func TestLegIsRefused(t *testing.T) {
	run := func(to avanak.Run) func(*fixture, any, *Intent) {
		return func(f *fixture, job any, _ *Intent) {
			if c, ok := job.(avanak.Campaign); ok {
				_, err := f.SetRun(f.t.Context(), c, "", to)
				require.NoError(f.t, err)
			}
		}
	}
	for name, tt := range map[string]struct {
		before     func(f *fixture, job any, i *Intent)
		bulk, fast error
	}{
		"nothing against it": {func(*fixture, any, *Intent) {}, nil, nil},
		"paused":             {run(avanak.Paused), ErrPaused, nil},
		"cancelled":          {run(avanak.CancelledRun), ErrCancelled, nil},
		"window closed": {func(f *fixture, job any, i *Intent) {
			if c, ok := job.(avanak.Campaign); ok {
				require.NoError(f.t, f.OpenWindow(f.t.Context(), c.ID, f.now.Add(-time.Hour), f.now))
				return
			}
			f.corruptMS(i.Claim().Job, "open_until", f.now)
		}, ErrWindowClosed, ErrWindowClosed},
		"window closing within the guard": {func(f *fixture, job any, i *Intent) {
			if c, ok := job.(avanak.Campaign); ok {
				require.NoError(f.t, f.OpenWindow(f.t.Context(), c.ID, f.now.Add(-time.Hour), f.now.Add(f.cfg.Guard)))
				return
			}
			f.corruptMS(i.Claim().Job, "open_until", f.now.Add(f.cfg.Guard))
		}, ErrWindowClosed, ErrWindowClosed},
		"window closing behind the guard": {func(f *fixture, job any, i *Intent) {
			until := f.now.Add(f.cfg.Guard + time.Millisecond)
			if c, ok := job.(avanak.Campaign); ok {
				require.NoError(f.t, f.OpenWindow(f.t.Context(), c.ID, f.now.Add(-time.Hour), until))
				return
			}
			f.corruptMS(i.Claim().Job, "open_until", until)
		}, nil, nil},
		"expiring within the guard": {func(f *fixture, _ any, _ *Intent) {
			f.advance(time.Minute - f.cfg.Guard)
		}, nil, ErrExpired},
		"stale token":     {func(_ *fixture, _ any, i *Intent) { i.claim.Token++ }, ErrFenced, ErrFenced},
		"another attempt": {func(_ *fixture, _ any, i *Intent) { i.attempt++ }, ErrFenced, ErrFenced},
		"a leg left out":  {func(_ *fixture, _ any, i *Intent) { i.leg++ }, ErrFenced, ErrFenced},
		"settled":         {func(f *fixture, _ any, i *Intent) { f.settle(*i, avanak.Congestion) }, ErrFenced, ErrFenced},
		"reaped": {func(f *fixture, job any, _ *Intent) {
			f.advance(f.cfg.DialTTL)
			c, _ := job.(avanak.Campaign)
			if c.ID == "" {
				f.reap()
				return
			}
			f.reap(c)
		}, ErrFenced, ErrFenced},
	} {
		t.Run(name, func(t *testing.T) {
			lanes(t, func(t *testing.T, f *fixture, job any, i Intent) {
				t.Helper()
				tt.before(f, job, &i)
				before := len(f.events(i.Claim().Job))
				_, err := f.Leg(t.Context(), i)
				want := tt.bulk
				if i.Claim().Lane == avanak.Fast {
					want = tt.fast
				}
				require.ErrorIs(t, err, want)
				require.Equal(t, want == nil, len(f.events(i.Claim().Job)) > before, "what is refused leaves no record")
			})
		})
	}
	t.Run("claimed, not dialled", func(t *testing.T) {
		both(t, func(t *testing.T, f *fixture) {
			c := f.campaign(1, nil)
			f.push(nil)
			for _, cl := range []Claim{f.claim(c, 1)[0], f.claimFast(1)[0]} {
				_, err := f.Leg(t.Context(), Intent{claim: cl, attempt: 1, leg: 1})
				require.ErrorIs(t, err, ErrFenced)
			}
		})
	})
}

// corruptMS writes an instant of a message behind the queue's back.
func (f *fixture) corruptMS(id, field string, at time.Time) {
	f.t.Helper()
	f.corrupt(avanak.Message{ID: id}, field, int(at.UnixMilli()))
}

// The lease lasts a full DialTTL from the last leg: who is reaped then is uncertain, once.
func TestReapAfterALeg(t *testing.T) {
	lanes(t, func(t *testing.T, f *fixture, job any, i Intent) {
		t.Helper()
		reap := func() Reaped {
			if c, ok := job.(avanak.Campaign); ok {
				return f.reap(c)
			}
			return f.reap()
		}
		f.advance(f.cfg.DialTTL - time.Second)
		second := f.leg(i)
		f.advance(f.cfg.DialTTL - time.Millisecond)
		require.Zero(t, reap(), "the leg has renewed the lease")
		lost, err := f.Extend(t.Context(), []Held{second.Held()})
		require.NoError(t, err)
		require.Empty(t, lost, "heartbeats keep a leg as they keep an intent")
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Uncertain: 1}, reap())
		_, closed := f.legsOf(i)
		require.Len(t, closed, 1)
		require.Equal(t, avanak.Uncertain, closed[0].Outcome)
		require.Equal(t, 2, closed[0].Legs)
		require.Equal(t, SettledLate, f.settle(second, avanak.Completed), "the truth came late")
		require.Equal(t, SettledDup, f.settle(i, avanak.Completed))
	})
}
