package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestFastDialIsThePointOfNoReturn(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(nil)
		cl := f.claimFast(1)[0]
		stale := cl
		stale.Token--
		_, err := f.Dial(t.Context(), stale)
		require.ErrorIs(t, err, ErrFenced)
		require.Zero(t, f.status(m).Attempts)

		i := f.dial(cl)
		require.Equal(t, i, f.dial(cl), "a repeated dial is the same intent")
		require.Equal(t, 1, i.Attempt())
		require.Equal(t, avanak.CallID(m.ID, 0, 1), i.CallID())
		require.False(t, i.AfterUncertain())
		require.Equal(t, avanak.Dialling, f.status(m).State)
		require.ErrorIs(t, f.Skip(t.Context(), cl, avanak.Suppressed), ErrFenced, "dialled: cannot be skipped")
		require.NoError(t, f.Release(t.Context(), cl))
		require.Equal(t, avanak.Dialling, f.status(m).State, "dialled: cannot be released")
		f.auditMessage(m)
	})
}

func TestFastDialRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*fixture, *avanak.Message)
		before func(*fixture, avanak.Message)
		want   error
	}{
		"just in time": {before: func(f *fixture, _ avanak.Message) { f.advance(time.Minute - f.cfg.Guard - time.Millisecond) }},
		"expiring within the guard": {
			before: func(f *fixture, _ avanak.Message) { f.advance(time.Minute - f.cfg.Guard) }, want: ErrExpired},
		"expired": {before: func(f *fixture, _ avanak.Message) { f.advance(2 * time.Minute) }, want: ErrExpired},
		"window closing within the guard": {
			change: func(f *fixture, m *avanak.Message) {
				m.Window = avanak.Window{To: 12*60 + 31}
				m.Expires = f.now.Add(time.Hour)
			},
			before: func(f *fixture, _ avanak.Message) { f.advance(time.Minute - f.cfg.Guard) }, want: ErrWindowClosed},
		"no charged tries left": {
			before: func(f *fixture, m avanak.Message) { f.corrupt(m, "max_charged", 0) }, want: ErrExhausted},
		"no recorded tries left": {
			before: func(f *fixture, m avanak.Message) { f.corrupt(m, "max_recorded", 0) }, want: ErrExhausted},
		"reaped": {before: func(f *fixture, _ avanak.Message) { f.advance(f.cfg.ClaimTTL); f.reap() }, want: ErrFenced},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, f *fixture) {
				m := f.push(func(m *avanak.Message) {
					if tt.change != nil {
						tt.change(f, m)
					}
				})
				cl := f.claimFast(1)[0]
				tt.before(f, m)
				_, err := f.Dial(t.Context(), cl)
				require.ErrorIs(t, err, tt.want)
				require.Equal(t, tt.want == nil, f.status(m).Attempts == 1)
				f.auditMessage(m)
			})
		})
	}
}

func TestFastSettleByOutcome(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		for o := avanak.Completed; o <= avanak.TrunkFault; o++ {
			m := f.push(func(m *avanak.Message) { m.Retry = avanak.RetryPolicy{} })
			i := f.dial(f.claimFast(1)[0])
			require.Equal(t, SettledFinal, f.settle(i, o), o)
			require.Equal(t, SettledDup, f.settle(i, o), "a repeated settle changes nothing")
			s := f.status(m)
			require.Equal(t, o.State(), s.State, o)
			require.Equal(t, o, s.Result.Outcome)
			require.Equal(t, f.now, s.Ended)
			require.Empty(t, f.claimFast(1))
			f.auditMessage(m)
		}
	})
}

func TestFastRetryFallsDueAndEnds(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(nil) // two tries, busy again after 10 s
		first := f.dial(f.claimFast(1)[0])
		require.Equal(t, SettledRetry, f.settle(first, avanak.Busy))
		require.Equal(t, SettledDup, f.settle(first, avanak.Busy))
		require.Equal(t, avanak.RetryWait, f.status(m).State)
		f.auditMessage(m)
		f.advance(10*time.Second - time.Millisecond)
		require.Empty(t, f.claimFast(1))
		f.advance(time.Millisecond)

		cl := f.claimFast(1)[0]
		require.Equal(t, []int{1, 1}, []int{cl.Attempts, cl.Charged})
		require.Equal(t, f.now, cl.Due, "t0 is when the retry fell due")
		_, err := f.trySettle(first, avanak.Completed)
		require.ErrorIs(t, err, ErrFenced)
		second := f.dial(cl)
		require.Equal(t, 2, second.Attempt())
		_, err = f.trySettle(first, avanak.Completed)
		require.ErrorIs(t, err, ErrFenced)
		require.Equal(t, SettledFinal, f.settle(second, avanak.Busy), "two tries are two tries")
		require.Equal(t, avanak.WasBusy, f.status(m).State)
		f.auditMessage(m)
	})
}

func TestFastSettleGrantsNoRetry(t *testing.T) {
	for name, tt := range map[string]struct {
		retry avanak.RetryPolicy
		wait  time.Duration
		want  Settled
	}{
		"in time":           {avanak.RetryPolicy{MaxAttempts: 2}, time.Minute - time.Millisecond, SettledRetry},
		"after the expiry":  {avanak.RetryPolicy{MaxAttempts: 2}, time.Minute, SettledFinal},
		"beyond the limits": {avanak.RetryPolicy{MaxAttempts: 1}, time.Second, SettledFinal},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, f *fixture) {
				m := f.push(func(m *avanak.Message) { m.Retry = tt.retry })
				i := f.dial(f.claimFast(1)[0])
				s, err := f.Settle(t.Context(), i, avanak.Report{Result: avanak.Result{Outcome: avanak.Busy}}, f.now.Add(tt.wait))
				require.NoError(t, err)
				require.Equal(t, tt.want, s)
				f.auditMessage(m)
			})
		})
	}
}

func TestFastTrunkFaultsAreNotCharged(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(nil) // two tries, and two for the trunk
		var ends []Settled
		for _, o := range []avanak.Outcome{avanak.Congestion, avanak.Congestion, avanak.Busy, avanak.NoAnswer} {
			cl := f.claimFast(1)[0]
			if o == avanak.Busy {
				require.Equal(t, []int{2, 0}, []int{cl.Attempts, cl.Charged})
			}
			ends = append(ends, f.settle(f.dial(cl), o))
			f.auditMessage(m)
			f.advance(10 * time.Second)
		}
		require.Equal(t, []Settled{SettledRetry, SettledRetry, SettledRetry, SettledFinal}, ends)
		require.Equal(t, 4, f.status(m).Attempts)
	})
}

func TestFastTrunkFaultsAreBounded(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(func(m *avanak.Message) { m.Retry = avanak.RetryPolicy{MaxAttempts: 1, CongestionTries: 1} })
		for n := range avanak.MaxAttempts { // whoever asks for more than the record holds
			want := SettledRetry
			if n == avanak.MaxAttempts-1 {
				want = SettledFinal
			}
			s, err := f.Settle(t.Context(), f.dial(f.claimFast(1)[0]),
				avanak.Report{Result: avanak.Result{Outcome: avanak.Congestion}}, f.now.Add(time.Second))
			require.NoError(t, err)
			require.Equal(t, want, s)
			f.advance(time.Second)
		}
		f.auditMessage(m)
	})
}

func TestFastReleaseKeepsTheDueTime(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(nil)
		f.advance(time.Second)
		cl := f.claimFast(1)[0]
		require.NoError(t, f.Release(t.Context(), cl))
		require.NoError(t, f.Release(t.Context(), cl), "what is not ours any more is passed over")
		require.Equal(t, map[string]time.Time{m.ID: m.Accepted}, f.waiting())
		f.auditMessage(m)
		_, err := f.Dial(t.Context(), cl)
		require.ErrorIs(t, err, ErrFenced, "released")
		again := f.claimFast(1)[0]
		require.Greater(t, again.Token, cl.Token)
		require.NoError(t, f.Release(t.Context(), cl), "a stale token releases nothing")
		f.dial(again)
		f.auditMessage(m)
	})
}

func TestFastSkipClosesWithoutAnAttempt(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(nil)
		cl := f.claimFast(1)[0]
		stale := cl
		stale.Token--
		require.ErrorIs(t, f.Skip(t.Context(), stale, avanak.Suppressed), ErrFenced)
		require.NoError(t, f.Skip(t.Context(), cl, avanak.Suppressed))
		require.ErrorIs(t, f.Skip(t.Context(), cl, avanak.Suppressed), ErrFenced)
		s := f.status(m)
		require.Equal(t, avanak.IsSuppressed, s.State)
		require.Equal(t, avanak.Suppressed, s.Result.Outcome)
		require.Equal(t, f.now, s.Ended)
		events := f.events(m.ID)
		require.Len(t, events, 1)
		require.Equal(t, avanak.EventSkipped, events[0].Kind)
		f.auditMessage(m)
	})
}

func TestFastReapTellsClaimedFromDialled(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		claimed, dialled, kept := f.push(nil), f.push(nil), f.push(nil)
		claims := map[string]Claim{}
		for _, cl := range f.claimFast(3) {
			claims[cl.Job] = cl
		}
		i := f.dial(claims[dialled.ID])
		f.advance(f.cfg.ClaimTTL - time.Millisecond)
		require.Zero(t, f.reap())
		lost, err := f.Extend(t.Context(), []Held{claims[kept.ID].Held(), {Lane: avanak.Fast, Job: claimed.ID, Token: 99}})
		require.NoError(t, err)
		require.Equal(t, []Held{{Lane: avanak.Fast, Job: claimed.ID, Token: 99}}, lost)
		f.advance(time.Millisecond)
		require.Equal(t, Reaped{Requeued: 1}, f.reap())
		require.Equal(t, map[string]time.Time{claimed.ID: claimed.Accepted}, f.waiting())
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Requeued: 1, Uncertain: 1}, f.reap())
		require.Equal(t, avanak.IsUncertain, f.status(dialled).State)

		held := []Held{claims[claimed.ID].Held(), i.Held()}
		lost, err = f.Extend(t.Context(), held)
		require.NoError(t, err)
		require.ElementsMatch(t, held, lost, "a reaped lease is never revived")
		require.Equal(t, SettledLate, f.settle(i, avanak.Completed), "the truth came late")
		require.Equal(t, SettledDup, f.settle(i, avanak.Completed))
		require.Equal(t, avanak.Delivered, f.status(dialled).State)
		for _, m := range []avanak.Message{claimed, dialled, kept} {
			f.auditMessage(m)
		}
	})
}

func TestFastRedialAfterUncertainIsMarked(t *testing.T) {
	redial := func(m *avanak.Message) { m.OnUncertain = avanak.Redial }
	both(t, func(t *testing.T, f *fixture) {
		m := f.push(redial)
		first := f.dial(f.claimFast(1)[0])
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Uncertain: 1}, f.reap())
		require.Equal(t, avanak.RetryWait, f.status(m).State)
		f.auditMessage(m)
		f.advance(testRing - time.Second)
		require.Empty(t, f.claimFast(1), "the phone may still ring for the lost attempt")
		f.advance(time.Second)
		second := f.dial(f.claimFast(1)[0])
		require.True(t, second.AfterUncertain())
		_, err := f.trySettle(first, avanak.Completed)
		require.ErrorIs(t, err, ErrFenced, "the attempt belongs to somebody else now")
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Uncertain: 1}, f.reap())
		require.Equal(t, avanak.IsUncertain, f.status(m).State, "two tries are two tries")
		_, err = f.trySettle(first, avanak.Completed)
		require.ErrorIs(t, err, ErrFenced, "only the last attempt can be corrected")
		var marks []bool
		for _, e := range f.events(m.ID) {
			if e.Kind == avanak.EventIntent {
				marks = append(marks, e.AfterUncertain)
			}
		}
		require.Equal(t, []bool{false, true}, marks)
		f.auditMessage(m)
	})
	t.Run("stopped by the late outcome", func(t *testing.T) {
		both(t, func(t *testing.T, f *fixture) {
			m := f.push(redial)
			i := f.dial(f.claimFast(1)[0])
			f.advance(f.cfg.DialTTL)
			f.reap()
			f.ringOut()
			require.Equal(t, SettledLate, f.settle(i, avanak.Completed))
			require.Empty(t, f.claimFast(1), "who has heard it is not called again")
			f.auditMessage(m)
		})
	})
	t.Run("not when expired", func(t *testing.T) {
		both(t, func(t *testing.T, f *fixture) {
			m := f.push(redial)
			f.dial(f.claimFast(1)[0])
			f.advance(time.Minute)
			f.reap()
			require.Equal(t, avanak.IsUncertain, f.status(m).State)
			f.auditMessage(m)
		})
	})
}
