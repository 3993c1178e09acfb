package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/internal/redistest"
	"github.com/avanak/avanak/sip/siptest"
)

// grace is how long after the acknowledgement of an order an INVITE may still leave (DESIGN I7).
const grace = time.Second

// ordered starts a gateway of 10 calls a second on a Redis whose events the scene can read.
func ordered(t *testing.T) (*scene, *client.Client) {
	t.Helper()
	s := newScene(t, time.Second, answers)
	db := redistest.Start(t)
	s.read(db.Options())
	gateway := serve(t, settings{data: t.TempDir(), redis: "unix://" + db.Socket(), target: s.farm.Addr().String(), cps: 10,
		channels: 100}.write(t))
	return s, gateway.customer()
}

// Numbers that are suppressed in the middle of a campaign are not called from then on (DESIGN I7).
func TestSuppressionStopsCallsToItsNumbers(t *testing.T) {
	t.Parallel()
	const n = 40
	s, c := ordered(t)
	s.campaign(c, n, client.CampaignRequest{}, "110", "115", "112", "+98 110", "00982191")
	s.invites(8)
	var list []string
	for i := 0; i < n; i += 2 {
		list = append(list, number(i))
	}
	added, err := c.Suppress(bounded(t), list...)
	acknowledged := time.Now()
	require.NoError(t, err)
	require.Equal(t, len(list), added)

	at := s.over(c)
	h := s.judge(at)
	suppressed := map[string]bool{}
	for _, number := range list {
		suppressed[number] = true
	}
	called := map[string]bool{}
	for _, call := range s.farm.Calls() {
		called[call.Number] = true
		if suppressed[call.Number] {
			require.True(t, call.InviteAt.Before(acknowledged.Add(grace)), "called %s after the suppression", call.InviteAt.Sub(acknowledged))
		}
	}
	for i := 1; i < n; i += 2 {
		require.True(t, called[number(i)], "recipient %d is not suppressed", i)
	}
	require.Positive(t, at.States["suppressed"], "the suppression came in the middle")
	require.Equal(t, n, at.States["suppressed"]+at.States["delivered"])
	require.Len(t, called, at.States["delivered"])
	require.Len(t, h.intents, at.States["delivered"], "a suppressed recipient has no attempt")
	require.Equal(t, 5, at.Rejected, "emergency and short numbers are no recipients")
}

// Numbers that are never called get no INVITE either where a list of them has come into the queue some other way.
func TestEmergencyNumbersAreNeverCalled(t *testing.T) {
	t.Parallel()
	s, c := ordered(t)
	s.campaign(c, 1, client.CampaignRequest{})
	s.over(c)
	calls := s.farm.Counts().Calls
	require.Equal(t, 1, calls)

	ctx, now := bounded(t), time.Now()
	numbers := []avanak.Number{110, 98_110, 98_00000_00110, 98_00000_00112, 1, 1_202_555_0100, 989120000000 * 10}
	job := avanak.Campaign{ID: avanak.NewID(avanak.CampaignPrefix, now), Tenant: "operator", Name: "smuggled", Clip: s.clip,
		Window: avanak.Window{To: 24 * 60}, Ring: 5 * time.Second, OnUncertain: avanak.Hold, Created: now}
	_, err := s.ledger.CreateCampaign(ctx, job, "")
	require.NoError(t, err)
	load, err := s.ledger.BeginLoad(ctx, job.ID, "load")
	require.NoError(t, err)
	require.NoError(t, load.Append(ctx, numbers, make([]avanak.State, len(numbers))))
	require.NoError(t, load.Commit(ctx, 0))
	_, err = s.ledger.SetRun(ctx, job, "", avanak.Running)
	require.NoError(t, err)
	s.id, s.n = job.ID, len(numbers)
	at := s.over(c)
	require.Equal(t, map[string]int{"suppressed": len(numbers)}, standing(at))
	require.Empty(t, s.history().intents)
	require.Equal(t, calls, s.farm.Counts().Calls)
}

// A pause and a cancel are sharp (DESIGN I6): no intent behind them in the event stream, no INVITE a second later.
func TestPauseAndCancelStopCalls(t *testing.T) {
	t.Parallel()
	const n = 60
	s, c := ordered(t)
	s.campaign(c, n, client.CampaignRequest{})
	s.invites(8)
	paused := s.order(c, client.Pause)
	eventually(t, func() bool {
		at, err := c.Campaign(bounded(t), s.id)
		return err == nil && at.InFlight == 0 && s.farm.Counts().Live() == 0
	}, "calls have ended, claims were given back")
	atRest := s.farm.Calls()
	require.Less(t, len(atRest), n/2)
	for _, call := range atRest {
		require.True(t, call.InviteAt.Before(paused.Add(grace)))
		require.True(t, s.complete(call), "a pause cuts nobody off")
	}

	s.order(c, client.Resume)
	s.invites(len(atRest) + 8)
	cancelled := s.order(c, client.Cancel)
	at := s.over(c)
	s.judge(at)
	calls := s.farm.Calls()
	for _, call := range calls {
		require.True(t, call.InviteAt.Before(cancelled.Add(grace)))
		require.True(t, s.complete(call), "a cancel cuts nobody off")
	}
	require.Equal(t, map[string]int{"delivered": len(calls), "cancelled": n - len(calls)}, standing(at))
	s.sharp(map[avanak.Run]int{avanak.Running: 2, avanak.Paused: 1, avanak.CancelledRun: 1})
}

// order moves the campaign and returns when the gateway had acknowledged it.
func (s *scene) order(c *client.Client, move client.Move) time.Time {
	s.Helper()
	_, err := c.Change(bounded(s.T), s.id, move)
	require.NoError(s, err)
	return time.Now()
}

// sharp tells that the stream holds these run events, and intents only while the campaign ran.
func (s *scene) sharp(want map[avanak.Run]int) {
	s.Helper()
	got, run := map[avanak.Run]int{}, avanak.Loading
	for _, e := range s.events() {
		switch e.Kind {
		case avanak.EventRun:
			run = e.Run
			got[run]++
		case avanak.EventIntent, avanak.EventLeg:
			require.Equal(s, avanak.Running, run, "intent %s while the campaign was %s", e.CallID, run)
		case avanak.EventClosed, avanak.EventLate, avanak.EventSkipped:
		}
	}
	require.Equal(s, want, got)
}

// A trunk never gets more INVITEs in any closed second than its CPS, nor more calls at once than its channels (DESIGN I8),
// by the callees' clock, refusals and retries included.
func TestTrunkLimitsHoldAtTheCallee(t *testing.T) {
	soon := client.Duration(time.Second)
	for name, tt := range map[string]struct {
		cps      float64
		channels int
		farm     func(number string, nth int) siptest.Behaviour
		full     func(invites []siptest.Invite, calls []siptest.Call) bool // the limit was in reach
	}{
		"calls a second": {20, 200, busyAtFirst, func(i []siptest.Invite, _ []siptest.Call) bool { return mostInSecond(i, 0) >= 15 }},
		"channels":       {100, 8, mixed, func(_ []siptest.Invite, c []siptest.Call) bool { return mostAtOnce(c) == 8 }},
		"a single line":  {3, 1, mixed, func(_ []siptest.Invite, c []siptest.Call) bool { return mostAtOnce(c) == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 80
			if tt.channels == 1 {
				n = 8
			}
			s := newScene(t, 200*time.Millisecond, tt.farm)
			gateway := serve(t, settings{data: t.TempDir(), target: s.farm.Addr().String(), cps: tt.cps, channels: tt.channels}.write(t))
			s.campaign(gateway.customer(), n, client.CampaignRequest{Retry: &client.Retry{MaxAttempts: 2, Busy: &soon, Congestion: &soon}})
			at := s.over(gateway.customer())
			require.Greater(t, at.Attempts, n, "there were retries")
			invites, calls := s.farm.Invites(), s.farm.Calls()
			require.LessOrEqual(t, mostInSecond(invites, 5*time.Millisecond), int(tt.cps))
			require.LessOrEqual(t, mostAtOnce(calls), tt.channels)
			require.True(t, tt.full(invites, calls), "most in a second %d, most at once %d", mostInSecond(invites, 0), mostAtOnce(calls))
		})
	}
}

// busyAtFirst is a farm in which every other callee is busy at first: refusals that do not slow us down.
func busyAtFirst(number string, nth int) siptest.Behaviour {
	if nth == 1 && number[len(number)-1]%2 == 1 {
		return siptest.Behaviour{Kind: siptest.Busy}
	}
	return siptest.Behaviour{AnswerAfter: 30 * time.Millisecond}
}

// mixed is a farm in which every fourth callee is busy at first, and every fourth finds the trunk full at first.
func mixed(number string, nth int) siptest.Behaviour {
	last := number[len(number)-1] - '0'
	switch {
	case nth == 1 && last%4 == 1:
		return siptest.Behaviour{Kind: siptest.Busy}
	case nth == 1 && last%4 == 2:
		return siptest.Behaviour{Kind: siptest.Unavailable}
	}
	return siptest.Behaviour{AnswerAfter: 30 * time.Millisecond}
}
