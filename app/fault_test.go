package app

import (
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/internal/redistest"
	"github.com/avanak/avanak/sip/siptest"
)

// The gateway is killed while it calls (reliability.md W1 to W6). What was claimed is called later, what was dialled is
// uncertain: never called again, or called again with a mark, as the customer has chosen.
func TestKilledGatewayGoesOnAfterItsRestart(t *testing.T) {
	t.Parallel()
	for _, choice := range []avanak.OnUncertain{avanak.Hold, avanak.Redial} {
		t.Run(string(choice), func(t *testing.T) {
			t.Parallel()
			const n = 60
			s := newScene(t, 1500*time.Millisecond, answers)
			db := redistest.Start(t, redistest.WithAOF("always"))
			s.read(db.Options())
			file := settings{data: t.TempDir(), redis: "unix://" + db.Socket(), target: s.farm.Addr().String(), cps: 20,
				channels: 100}.write(t)
			gateway := serve(t, file)
			// The ring limit, like dispatcher.redial, is also how long a redial waits for the lost attempt's ringing to end.
			s.campaign(gateway.customer(), n, client.CampaignRequest{OnUncertain: string(choice),
				RingLimit: client.Duration(3 * time.Second)})
			s.invites(20)
			gateway.kill()

			cut := s.history().open()
			require.NotEmpty(t, s.talking(), "the fault must hit calls on the line")
			require.LessOrEqual(t, len(s.talking()), cut, "a call on the line has an intent that is not closed")
			before := s.farm.Counts().Invites
			require.Less(t, before, n)

			gateway = serve(t, file)
			at := s.over(gateway.customer())
			h := s.judge(at)
			require.Equal(t, cut, h.uncertain(), "what was dialled at the kill, and nothing else")
			redialled := 0
			for _, e := range h.intents {
				if e.AfterUncertain {
					redialled++
				}
			}
			if choice == avanak.Hold {
				require.Zero(t, redialled)
				require.Equal(t, map[string]int{"delivered": n - cut, "uncertain": cut}, standing(at))
				for i, calls := range s.callsTo() {
					require.LessOrEqual(t, calls, 1, "recipient %d", i)
				}
				return
			}
			require.Equal(t, cut, redialled)
			require.Equal(t, map[string]int{"delivered": n}, standing(at))
			for i, calls := range s.callsTo() {
				require.LessOrEqual(t, calls, 2, "recipient %d", i)
			}
		})
	}
}

// The embedded store is killed while the gateway calls (reliability.md D1): calls go on, their results are recorded when
// it is back, and nobody is called twice.
func TestKilledStoreLosesNothing(t *testing.T) {
	t.Parallel()
	const n = 60
	s := newScene(t, 1500*time.Millisecond, answers)
	data := t.TempDir()
	gateway := serve(t, settings{data: data, target: s.farm.Addr().String(), cps: 20, channels: 100}.write(t))
	c := gateway.customer()
	s.campaign(c, n, client.CampaignRequest{})
	s.invites(20)

	pid := processID(t, gateway.said(`msg="redis server is up" .*pid=(\d+)`))
	onLine := len(s.talking())
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Positive(t, onLine, "the fault must hit calls on the line")
	require.Less(t, s.farm.Counts().Invites, n)
	eventually(t, func() bool { return gateway.said(`msg="redis server is up again" .*(restarts=1)`) != "" }, "store is restarted")

	s.read(&redis.Options{Network: "unix", Addr: socketOf(t, data)})
	at := s.over(c)
	h := s.judge(at)
	require.Zero(t, h.uncertain())
	require.Equal(t, map[string]int{"delivered": n}, standing(at))
	for i, calls := range s.callsTo() {
		require.Equal(t, 1, calls, "recipient %d", i)
	}
	for _, call := range s.farm.Calls() {
		require.True(t, s.complete(call), "%s was cut", call.CallID)
	}
}

// SIGTERM drains (reliability.md W9): no new call, those on the line end by themselves, and the rest waits for the next
// start.
func TestTerminatedGatewayDrains(t *testing.T) {
	t.Parallel()
	const n = 40
	s := newScene(t, 1500*time.Millisecond, answers)
	db := redistest.Start(t, redistest.WithAOF("always"))
	s.read(db.Options())
	file := settings{data: t.TempDir(), redis: "unix://" + db.Socket(), target: s.farm.Addr().String(), cps: 20,
		channels: 100}.write(t)
	gateway := serve(t, file)
	c := gateway.customer()
	s.campaign(c, n, client.CampaignRequest{})
	s.invites(12)
	gateway.signal(syscall.SIGTERM)
	eventually(t, func() bool {
		ready, err := c.Ready(bounded(t))
		return err != nil || (!ready.Ready && ready.Draining)
	}, "not ready")
	notReady := time.Now()
	require.NotEmpty(t, s.talking(), "calls are on the line")
	gateway.awaitEnd()
	require.Zero(t, gateway.exitCode(), gateway.out.String())

	calls := s.farm.Calls()
	require.Less(t, len(calls), n)
	for _, call := range calls {
		require.True(t, s.complete(call), "%s was cut", call.CallID)
		require.Equal(t, siptest.Caller, call.ByeBy)
		require.True(t, call.InviteAt.Before(notReady.Add(500*time.Millisecond)), "a call began after the drain")
	}
	h := s.history()
	require.Zero(t, h.open())
	require.Len(t, h.intents, len(calls))

	gateway = serve(t, file)
	at := s.over(gateway.customer())
	require.Zero(t, s.judge(at).uncertain())
	require.Equal(t, map[string]int{"delivered": n}, standing(at))
	for i, calls := range s.callsTo() {
		require.Equal(t, 1, calls, "recipient %d", i)
	}
}
