package avanak_test

import (
	"crypto/sha256"
	"fmt"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func ExampleRetryPolicy_Next() {
	p := avanak.RetryPolicy{MaxAttempts: 2, Busy: 3 * time.Minute}
	wait, again := p.Next(avanak.Busy, 1, 1)
	fmt.Println(wait, again)
	_, again = p.Next(avanak.Busy, 2, 2)
	fmt.Println(again)
	// Output:
	// 3m0s true
	// false
}

func TestRetryNext(t *testing.T) {
	p := avanak.RetryPolicy{MaxAttempts: 2, Busy: time.Minute, NoAnswer: time.Hour, Congestion: time.Second, CongestionTries: 2}
	for name, tt := range map[string]struct {
		o                 avanak.Outcome
		recorded, charged int
		wait              time.Duration
		again             bool
	}{
		"busy":                        {avanak.Busy, 1, 1, time.Minute, true},
		"no answer":                   {avanak.NoAnswer, 1, 1, time.Hour, true},
		"our shutdown":                {avanak.Aborted, 1, 1, time.Hour, true},
		"tries used up":               {avanak.Busy, 2, 2, 0, false},
		"the trunk's fault is free":   {avanak.Congestion, 3, 1, time.Second, true},
		"but not for ever":            {avanak.Congestion, 4, 1, 0, false},
		"so are our wrong settings":   {avanak.TrunkFault, 2, 1, time.Minute, true},
		"however often":               {avanak.TrunkFault, 9, 1, 2 * time.Hour, true},
		"as long as there is room":    {avanak.TrunkFault, 15, 1, 0, false},
		"and no try is lost by it":    {avanak.Busy, 8, 1, time.Minute, true},
		"heard":                       {avanak.Completed, 1, 1, 0, false},
		"half heard is not repeated":  {avanak.Partial, 1, 1, 0, false},
		"refused is not repeated":     {avanak.Rejected, 1, 1, 0, false},
		"unwanted is never repeated":  {avanak.Unwanted, 1, 1, 0, false},
		"unknown is never repeated":   {avanak.Uncertain, 1, 1, 0, false},
		"no such number":              {avanak.InvalidNumber, 1, 1, 0, false},
		"suppressed is never dialled": {avanak.Suppressed, 0, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			wait, again := p.Next(tt.o, tt.recorded, tt.charged)
			require.Equal(t, tt.again, again)
			require.Equal(t, tt.wait, wait)
		})
	}
	_, again := avanak.RetryPolicy{}.Next(avanak.Busy, 1, 1)
	require.False(t, again, "the zero policy never retries")
	_, recorded := avanak.RetryPolicy{MaxAttempts: 15, CongestionTries: 15}.Limits()
	require.Equal(t, avanak.MaxAttempts, recorded, "what fits into the state byte")
}

func TestPolicyValidate(t *testing.T) {
	require.NoError(t, avanak.DefaultRetry().Validate())
	for name, p := range map[string]avanak.RetryPolicy{
		"too many": {MaxAttempts: 16}, "negative": {MaxAttempts: -1}, "negative wait": {Busy: -1}, "too long": {NoAnswer: 200 * time.Hour},
		"too many for the trunk": {CongestionTries: 16},
	} {
		require.ErrorIs(t, p.Validate(), avanak.ErrInvalid, name)
	}
}

func TestOutcomesAndStatesHaveNames(t *testing.T) {
	names := map[string]bool{}
	for o := avanak.NoOutcome; o <= avanak.TrunkFault; o++ {
		require.NotContains(t, o.String(), "(")
		require.False(t, names[o.String()])
		names[o.String()] = true
		require.True(t, o.State().Terminal())
		require.Equal(t, o == avanak.Completed || o == avanak.Partial, o.Answered())
	}
	states := map[string]bool{}
	for s := range avanak.State(avanak.States) {
		require.NotContains(t, s.String(), "(")
		require.False(t, states[s.String()])
		states[s.String()] = true
	}
	require.Equal(t, "outcome(99)", avanak.Outcome(99).String())
	require.Equal(t, "state(99)", avanak.State(99).String())
	require.Equal(t, avanak.Delivered, avanak.Completed.State())
	require.Equal(t, avanak.IsUncertain, avanak.Uncertain.State())
	require.Equal(t, avanak.WasRejected, avanak.Unwanted.State())
	require.Equal(t, avanak.HasFailed, avanak.TrunkFault.State())
	require.False(t, avanak.TrunkFault.Charged())
	require.True(t, avanak.Unwanted.Charged())
}

func TestIDs(t *testing.T) {
	now := time.Now()
	var ids []string
	for i := range 100 {
		id := avanak.NewID(avanak.CampaignPrefix, now.Add(time.Duration(i)*time.Millisecond))
		require.True(t, avanak.ValidID(avanak.CampaignPrefix, id))
		require.False(t, avanak.ValidID(avanak.MessagePrefix, id))
		ids = append(ids, id)
	}
	require.True(t, sort.StringsAreSorted(ids), "ids sort by age")
	for _, bad := range []string{"", "cmp_", "cmp_../../../../etc/passwd0000", "cmp_" + "U0000000000000000000000000", ids[0] + "x"} {
		require.False(t, avanak.ValidID(avanak.CampaignPrefix, bad), bad)
	}
	digest := sha256.Sum256([]byte("key"))
	derived := avanak.DerivedID(avanak.MessagePrefix, digest[:])
	require.True(t, avanak.ValidID(avanak.MessagePrefix, derived))
	require.Equal(t, derived, avanak.DerivedID(avanak.MessagePrefix, digest[:16]), "the same digest gives the same id")
	other := sha256.Sum256([]byte("another key"))
	require.NotEqual(t, derived, avanak.DerivedID(avanak.MessagePrefix, other[:]))
	used := map[int]bool{}
	for range 2000 {
		p := avanak.PartitionOf(avanak.NewID(avanak.CampaignPrefix, now))
		require.True(t, p >= 0 && p < avanak.Partitions)
		used[p] = true
	}
	require.Len(t, used, avanak.Partitions, "ids spread over all partitions")
	require.Equal(t, "cmp_x-7-2", avanak.CallID("cmp_x", 7, 2))
}

func TestFastLatencyLeavesRingTimeOut(t *testing.T) {
	t0 := time.Now()
	line := avanak.Timeline{Accepted: t0, Invited: t0.Add(time.Second), Ringing: t0.Add(2 * time.Second),
		Answered: t0.Add(20 * time.Second), FirstClip: t0.Add(20*time.Second + 500*time.Millisecond)}
	require.Equal(t, 2500*time.Millisecond, line.FastLatency())
	line.FirstClip = time.Time{}
	require.Negative(t, line.FastLatency(), "nothing was heard")
}

func TestTrunkAndCampaignValidate(t *testing.T) {
	require.NoError(t, avanak.Trunk{Name: "a", CPS: 20, Channels: 1}.Validate())
	require.Equal(t, 100*time.Millisecond, avanak.Trunk{CPS: 10 / avanak.PaceShare}.Interval())
	now := time.Now()
	good := avanak.Campaign{Name: "x", Clip: avanak.NewID(avanak.ClipPrefix, now), Window: avanak.DefaultWindow(),
		Retry: avanak.DefaultRetry(), Ring: avanak.DefaultRing, OnUncertain: avanak.Hold}
	require.NoError(t, good.Validate())
	for name, spoil := range map[string]func(*avanak.Campaign){
		"name": func(c *avanak.Campaign) { c.Name = "" }, "clip": func(c *avanak.Campaign) { c.Clip = "nothing" },
		"ring": func(c *avanak.Campaign) { c.Ring = time.Hour }, "window": func(c *avanak.Campaign) { c.Window = avanak.Window{} },
		"retry": func(c *avanak.Campaign) { c.Retry.MaxAttempts = 99 }, "uncertain": func(c *avanak.Campaign) { c.OnUncertain = "guess" },
	} {
		c := good
		spoil(&c)
		require.ErrorIs(t, c.Validate(), avanak.ErrInvalid, name)
	}
	m := avanak.Message{Number: 989120000001, Clip: good.Clip, Window: good.Window, Ring: good.Ring, OnUncertain: avanak.Hold,
		Accepted: now, Expires: now.Add(time.Minute)}
	require.NoError(t, m.Validate())
	m.Expires = now
	require.ErrorIs(t, m.Validate(), avanak.ErrInvalid)
}
