package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestClaimLeasesEachOrdinalOnce(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(250, nil)
		other := f.as("other")
		seen, last := map[uint32]bool{}, uint64(0)
		for {
			claims := append(f.claim(c, 70), other.claim(c, 30)...)
			if len(claims) == 0 {
				break
			}
			for _, cl := range claims {
				require.False(t, seen[cl.Ordinal], "ordinal in two leases")
				seen[cl.Ordinal] = true
				require.Greater(t, cl.Token, last, "tokens only grow")
				last = cl.Token
				require.Equal(t, numbers(1, 250)[cl.Ordinal], cl.Number)
			}
		}
		require.Len(t, seen, 250)
		require.Equal(t, 250, f.progress(c).InFlight)
		f.audit(c)
	})
}

func TestClaimCrossesSegmentsAndPassesSuppressedOver(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := spec(f.now)
		_, err := f.CreateCampaign(t.Context(), c, "fp")
		require.NoError(t, err)
		n := SegmentSize + 10
		states := make([]avanak.State, n)
		for i := range states {
			if i != 3 && i != SegmentSize+5 {
				states[i] = avanak.IsSuppressed
			}
		}
		f.load(c, numbers(1, n), states, 0)
		require.NoError(t, f.OpenWindow(t.Context(), c.ID, f.now, f.now.Add(time.Hour)))
		_, err = f.SetRun(t.Context(), c, "", avanak.Running)
		require.NoError(t, err)
		var got []uint32
		for range n/2000 + 2 { // a call looks at 2000 at most
			for _, cl := range f.claim(c, 10) {
				got = append(got, cl.Ordinal)
				require.Equal(t, numbers(1, n)[cl.Ordinal], cl.Number)
			}
		}
		require.Equal(t, []uint32{3, SegmentSize + 5}, got)
	})
}

func TestDialIsThePointOfNoReturn(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(2, nil)
		cl := f.claim(c, 1)[0]
		i := f.dial(cl)
		require.Equal(t, i, f.dial(cl), "a repeated dial is the same intent")
		require.Equal(t, 1, i.Attempt())
		require.Equal(t, avanak.CallID(c.ID, cl.Ordinal, 1), i.CallID())
		require.False(t, i.AfterUncertain())
		require.Equal(t, avanak.Dialling, f.results(c)[0].State)
		require.Equal(t, 1, f.progress(c).Attempts)

		require.ErrorIs(t, f.Skip(t.Context(), cl, avanak.Suppressed), ErrFenced, "dialled: cannot be skipped")
		require.NoError(t, f.Release(t.Context(), cl))
		require.Equal(t, avanak.Dialling, f.results(c)[0].State, "dialled: cannot be released")

		stale := cl
		stale.Token--
		_, err := f.Dial(t.Context(), stale)
		require.ErrorIs(t, err, ErrFenced)
		require.False(t, Intent{}.Valid())
		f.audit(c)
	})
}

func TestReleaseAndSkip(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(3, nil)
		claims := f.claim(c, 3)
		require.NoError(t, f.Release(t.Context(), claims[0], claims[1]))
		require.NoError(t, f.Skip(t.Context(), claims[2], avanak.Suppressed))
		require.ErrorIs(t, f.Skip(t.Context(), claims[2], avanak.Suppressed), ErrFenced)
		_, err := f.Dial(t.Context(), claims[0])
		require.ErrorIs(t, err, ErrFenced, "released")
		again := f.claim(c, 5)
		require.Len(t, again, 2)
		require.Equal(t, uint32(0), again[0].Ordinal, "what was given back keeps its order")
		require.Equal(t, avanak.IsSuppressed, f.results(c)[2].State)
		require.Equal(t, avanak.Suppressed, f.results(c)[2].Result.Outcome)
		for _, cl := range again {
			f.settle(f.dial(cl), avanak.Completed)
		}
		require.Equal(t, avanak.Done, f.progress(c).Run)
		f.audit(c)
	})
}

func TestSettleByOutcome(t *testing.T) {
	for _, o := range []avanak.Outcome{avanak.Completed, avanak.Partial, avanak.Busy, avanak.NoAnswer, avanak.Rejected,
		avanak.InvalidNumber, avanak.Failed, avanak.Uncertain, avanak.Aborted, avanak.Unwanted} {
		t.Run(o.String(), func(t *testing.T) {
			both(t, func(t *testing.T, f *fixture) {
				c := f.campaign(1, func(c *avanak.Campaign) { c.Retry.MaxAttempts = 1 })
				i := f.dial(f.claim(c, 1)[0])
				require.Equal(t, SettledFinal, f.settle(i, o))
				require.Equal(t, SettledDup, f.settle(i, o), "a repeated settle changes nothing")
				row, p := f.results(c)[0], f.progress(c)
				require.Equal(t, o.State(), row.State)
				require.Equal(t, avanak.Result{Outcome: o, SIP: 200, Started: f.now, Ring: 1500 * time.Millisecond,
					Talk: 6 * time.Second, Played: 5900 * time.Millisecond}, row.Result)
				require.Equal(t, avanak.Done, p.Run)
				require.Zero(t, p.InFlight)
				require.Equal(t, o.Answered(), p.Answered == 1)
				require.False(t, p.Finished.IsZero())
				f.audit(c)
			})
		})
	}
}

func TestRetryFallsDueAndEnds(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, nil) // two tries, busy again after 10 s
		require.Equal(t, SettledRetry, f.settle(f.dial(f.claim(c, 1)[0]), avanak.Busy))
		require.Equal(t, avanak.RetryWait, f.results(c)[0].State)
		f.advance(9 * time.Second)
		require.Zero(t, f.promote(c))
		require.Empty(t, f.claim(c, 1))
		f.advance(3 * time.Second) // buckets are whole seconds, never early
		require.Equal(t, 1, f.promote(c))
		cl := f.claim(c, 1)[0]
		require.Equal(t, 1, cl.Attempts)
		require.Equal(t, 1, cl.Charged)
		i := f.dial(cl)
		require.Equal(t, 2, i.Attempt())
		require.Equal(t, SettledFinal, f.settle(i, avanak.Busy))
		require.Equal(t, avanak.WasBusy, f.results(c)[0].State)
		require.Equal(t, avanak.Done, f.progress(c).Run)
		f.audit(c)
	})
}

func TestScriptGrantsNoRetryBeyondTheLimits(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, func(c *avanak.Campaign) { c.Retry.MaxAttempts = 1 })
		i := f.dial(f.claim(c, 1)[0])
		s, err := f.Settle(t.Context(), i, avanak.Report{Result: avanak.Result{Outcome: avanak.Busy}}, f.now.Add(time.Second))
		require.NoError(t, err)
		require.Equal(t, SettledFinal, s, "whoever asks: one try is one try")
	})
}

func TestTrunkFaultsAreNotCharged(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, nil) // two tries, and two for the trunk
		for fault, wait := range map[avanak.Outcome]time.Duration{avanak.Congestion: 3 * time.Second, avanak.TrunkFault: 3 * time.Minute} {
			require.Equal(t, SettledRetry, f.settle(f.dial(f.claim(c, 1)[0]), fault))
			f.advance(wait)
			require.Equal(t, 1, f.promote(c))
		}
		cl := f.claim(c, 1)[0]
		require.Equal(t, 2, cl.Attempts)
		require.Zero(t, cl.Charged)
		require.Equal(t, SettledRetry, f.settle(f.dial(cl), avanak.Busy), "the recipient still has a try")
		f.advance(12 * time.Second)
		require.Equal(t, 1, f.promote(c))
		cl = f.claim(c, 1)[0]
		require.Equal(t, 1, cl.Charged)
		require.Equal(t, SettledFinal, f.settle(f.dial(cl), avanak.Congestion), "recorded attempts are bounded too")
		require.Equal(t, 4, f.results(c)[0].Attempts)
		f.audit(c)
	})
}

func TestReapTellsClaimedFromDialled(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(3, nil)
		claims := f.claim(c, 3)
		i := f.dial(claims[1])
		f.advance(f.cfg.ClaimTTL - time.Second)
		require.Zero(t, f.reap(c))
		lost, err := f.Extend(t.Context(), []Held{claims[2].Held()})
		require.NoError(t, err)
		require.Empty(t, lost)

		f.advance(2 * time.Second) // the first claim's lease is over; the dialled one lasts longer, the third was renewed
		require.Equal(t, Reaped{Requeued: 1}, f.reap(c))
		f.advance(f.cfg.DialTTL)
		require.Equal(t, Reaped{Requeued: 1, Uncertain: 1}, f.reap(c))
		require.Equal(t, avanak.IsUncertain, f.results(c)[1].State)
		require.Equal(t, avanak.Pending, f.results(c)[0].State)

		lost, err = f.Extend(t.Context(), []Held{claims[0].Held(), i.Held()})
		require.NoError(t, err)
		require.ElementsMatch(t, []Held{claims[0].Held(), i.Held()}, lost, "a reaped lease is never revived")
		_, err = f.Dial(t.Context(), claims[0])
		require.ErrorIs(t, err, ErrFenced)

		require.Equal(t, SettledLate, f.settle(i, avanak.Completed), "the truth came late")
		require.Equal(t, SettledDup, f.settle(i, avanak.Completed))
		require.Equal(t, avanak.Delivered, f.results(c)[1].State)
		f.audit(c)
	})
}

func TestRedialAfterUncertainIsMarked(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		first := f.dial(f.claim(c, 1)[0])
		f.advance(f.cfg.DialTTL + time.Second)
		require.Equal(t, Reaped{Uncertain: 1}, f.reap(c))
		require.Equal(t, avanak.RetryWait, f.results(c)[0].State)
		f.advance(testRing - time.Second)
		require.Zero(t, f.promote(c), "the phone may still ring for the lost attempt")
		f.ringOut(c)
		second := f.dial(f.claim(c, 1)[0])
		require.True(t, second.AfterUncertain())
		_, err := f.trySettle(first, avanak.Completed)
		require.ErrorIs(t, err, ErrFenced, "the attempt belongs to somebody else now")
		require.Equal(t, SettledFinal, f.settle(second, avanak.Completed))
		intents := 0
		for _, e := range f.events(c.ID) {
			if e.Kind == avanak.EventIntent {
				require.Equal(t, intents == 1, e.AfterUncertain)
				intents++
			}
		}
		require.Equal(t, 2, intents)
		f.audit(c)
	})
}

func TestLateOutcomeStopsTheRedial(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, func(c *avanak.Campaign) { c.OnUncertain = avanak.Redial })
		i := f.dial(f.claim(c, 1)[0])
		f.advance(f.cfg.DialTTL + time.Second)
		f.reap(c)
		f.ringOut(c)
		require.Equal(t, SettledLate, f.settle(i, avanak.Completed))
		_, err := f.Claim(t.Context(), c, 1)
		require.ErrorIs(t, err, ErrCancelled, "who has heard it is not called again")
		require.Equal(t, avanak.Done, f.progress(c).Run)
		f.audit(c)
	})
}

func TestUncertainIsHeldByDefault(t *testing.T) {
	both(t, func(t *testing.T, f *fixture) {
		c := f.campaign(1, nil)
		f.dial(f.claim(c, 1)[0])
		f.advance(f.cfg.DialTTL + time.Second)
		f.reap(c)
		_, err := f.Claim(t.Context(), c, 1)
		require.ErrorIs(t, err, ErrCancelled)
		require.Equal(t, avanak.Done, f.progress(c).Run)
		require.Equal(t, avanak.Uncertain, f.results(c)[0].Result.Outcome)
		f.audit(c)
	})
}
