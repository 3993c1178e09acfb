package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// The ready list may still name a recipient whose late outcome has closed it.
func TestLateOutcomeLeavesNothingToClaim(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(2, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		i := f.dial(f.claim(c, 1)[0])
		f.advance(f.cfg.DialTTL)
		f.reap(c)
		f.ringOut(c)
		require.Equal(t, SettledLate, f.settle(i, avanak.Completed))
		claims := f.claim(c, 2)
		require.Len(t, claims, 1)
		require.EqualValues(t, 1, claims[0].Ordinal, "who has heard it is not called again")
		f.audit(c)
	})
}

func TestOnlyTheLastAttemptCanBeCorrected(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		var intents []Intent
		for range 2 {
			intents = append(intents, f.dial(f.claim(c, 1)[0]))
			f.advance(f.cfg.DialTTL)
			require.Equal(t, Reaped{Uncertain: 1}, f.reap(c))
			f.ringOut(c)
		}
		require.Equal(t, avanak.IsUncertain, f.results(c)[0].State, "two tries are two tries")
		_, err := f.trySettle(intents[0], avanak.Completed)
		require.ErrorIs(t, err, ErrFenced)
		require.Equal(t, SettledLate, f.settle(intents[1], avanak.Completed))
		f.audit(c)
	})
}

func TestReapKeepsWhatWasNotCharged(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		require.Equal(t, SettledRetry, f.settle(f.dial(f.claim(c, 1)[0]), avanak.Congestion))
		f.advance(3 * time.Second)
		require.Equal(t, 1, f.promote(c))
		f.dial(f.claim(c, 1)[0])
		f.advance(f.cfg.DialTTL)
		f.reap(c)
		f.ringOut(c)
		cl := f.claim(c, 1)[0]
		require.Equal(t, []int{2, 1}, []int{cl.Attempts, cl.Charged})
		require.Equal(t, SettledFinal, f.settle(f.dial(cl), avanak.Busy))
		f.audit(c)
	})
}

// Whoever says "I do not know" after the reaper has said so adds nothing.
func TestUncertainCorrectsNothing(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c, m := f.campaign(1, nil), f.push(nil)
		for _, i := range []Intent{f.dial(f.claim(c, 1)[0]), f.dial(f.claimFast(1)[0])} {
			f.advance(f.cfg.DialTTL)
			f.reap(c)
			require.Equal(t, SettledDup, f.settle(i, avanak.Uncertain))
			require.Equal(t, SettledLate, f.settle(i, avanak.Busy))
			require.Equal(t, SettledDup, f.settle(i, avanak.Completed), "one correction is all")
		}
		require.Equal(t, avanak.WasBusy, f.results(c)[0].State)
		require.Equal(t, avanak.WasBusy, f.status(m).State)
		f.audit(c)
		f.auditMessage(m)
	})
}

func TestCancelStopsRedialAndRetry(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(2, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		claims := f.claim(c, 2)
		silent, busy := f.dial(claims[0]), f.dial(claims[1])
		_, err := f.SetRun(t.Context(), c, "", avanak.CancelledRun)
		require.NoError(t, err)
		s, err := f.Settle(t.Context(), busy, avanak.Report{Result: avanak.Result{Outcome: avanak.Busy}}, f.now.Add(time.Second))
		require.NoError(t, err)
		require.Equal(t, SettledFinal, s)
		active, err := f.Active(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{c.ID}, active, "one call is under way")
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Uncertain: 1}, f.reap(c))
		require.Equal(t, avanak.IsUncertain, f.results(c)[0].State)
		active, err = f.Active(t.Context())
		require.NoError(t, err)
		require.Empty(t, active)
		require.Equal(t, SettledLate, f.settle(silent, avanak.Completed))
		f.audit(c)
	})
}

func TestDialRefusesWithoutTries(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		for _, limit := range []string{"max_charged", "max_recorded"} {
			c := f.campaign(1, nil)
			cl := f.claim(c, 1)[0]
			require.NoError(t, f.rdb.HSet(t.Context(), keysOf(c.ID).hash, limit, 0).Err())
			_, err := f.Dial(t.Context(), cl)
			require.ErrorIs(t, err, ErrExhausted)
			require.NoError(t, f.Skip(t.Context(), cl, avanak.Failed))
			require.Equal(t, avanak.Done, f.progress(c).Run)
			f.audit(c)
		}
	})
}

// Who may have been called for all we know does not become one who never was, and the truth may still come.
func TestSkipKeepsTheDoubt(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		m := f.push(func(m *avanak.Message) { m.OnUncertain = avanak.Redial })
		bulk, fast := f.dial(f.claim(c, 1)[0]), f.dial(f.claimFast(1)[0])
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Uncertain: 2}, f.reap(c))
		f.ringOut(c)
		require.NoError(t, f.Skip(t.Context(), f.claim(c, 1)[0], avanak.Suppressed))
		require.Equal(t, avanak.IsUncertain, f.results(c)[0].State)
		f.advance(time.Minute) // past its expiry
		require.Empty(t, f.claimFast(1))
		require.Equal(t, avanak.IsUncertain, f.status(m).State)
		require.Equal(t, SettledLate, f.settle(bulk, avanak.Completed))
		require.Equal(t, SettledLate, f.settle(fast, avanak.Completed))
		require.Equal(t, avanak.Delivered, f.results(c)[0].State)
		require.Equal(t, avanak.Delivered, f.status(m).State)
		f.audit(c)
	})
}

// The redial is claimed and waits in a planner when the true outcome comes: who has heard it is not called again.
func TestLateOutcomeGoesBeforeAClaimedRedial(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		m := f.push(func(m *avanak.Message) { m.OnUncertain = avanak.Redial })
		lost := []Intent{f.dial(f.claim(c, 1)[0]), f.dial(f.claimFast(1)[0])}
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Uncertain: 2}, f.reap(c))
		f.ringOut(c)
		redials := []Claim{f.claim(c, 1)[0], f.claimFast(1)[0]}
		for i := range lost {
			require.Equal(t, SettledLate, f.settle(lost[i], avanak.Completed))
			_, err := f.Dial(t.Context(), redials[i])
			require.Error(t, err)
		}
		require.Equal(t, avanak.Delivered, f.results(c)[0].State)
		require.Equal(t, avanak.Delivered, f.status(m).State)
		require.Equal(t, avanak.Done, f.progress(c).Run)
		f.audit(c)
		f.auditMessage(m)
	})
}

func TestRepeatedStartDoesNotUndoAPause(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, nil)
		run, err := f.SetRun(t.Context(), c, avanak.Loading, avanak.Running)
		require.NoError(t, err, "the same start again")
		require.Equal(t, avanak.Running, run)
		_, err = f.SetRun(t.Context(), c, "", avanak.Paused)
		require.NoError(t, err)
		_, err = f.SetRun(t.Context(), c, avanak.Loading, avanak.Running)
		require.ErrorIs(t, err, avanak.ErrConflict)
		require.Equal(t, avanak.Paused, f.progress(c).Run)
		run, err = f.SetRun(t.Context(), c, avanak.Paused, avanak.Running)
		require.NoError(t, err)
		require.Equal(t, avanak.Running, run)
	})
}
