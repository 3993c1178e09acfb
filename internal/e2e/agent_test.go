package e2e

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/peers"
	"github.com/avanak/avanak/sip"
)

// wait bounds every wait of a test, on a machine however slow.
const wait = 60 * time.Second

// callee is the number that all tests call, as it stands in the Request-URI.
const (
	callee     avanak.Number = 98_912_000_0042
	calleeUser               = "+989120000042"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// calls numbers the calls of this process: each Call-ID is used once.
var calls atomic.Uint64

// newAgent starts a user agent towards a target. Its keep-alives are off: SIPp takes each for a call.
func newAgent(t *testing.T, target netip.AddrPort, change ...func(*sip.Config)) *sip.Agent {
	t.Helper()
	cfg := sip.DefaultConfig()
	cfg.Name, cfg.Targets, cfg.Bind, cfg.Callers = "peer", []string{target.String()}, "127.0.0.1:0", []string{"+989120009999"}
	cfg.Options = -1
	for _, c := range change {
		c(&cfg)
	}
	agent, err := sip.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	require.NoError(t, agent.Start(t.Context()))
	t.Cleanup(func() {
		// What is still watched for (a second branch of a fork, say) is not waited for.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = agent.Close(ctx)
	})
	return agent
}

// place places one call.
func place(t *testing.T, agent *sip.Agent, ring time.Duration) sip.Result {
	t.Helper()
	n := calls.Add(1)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	// Nobody sends media here: the port is named, not used.
	const port = 40000
	return agent.Invite(ctx, sip.Invite{CallID: "e2e-" + strconv.FormatUint(n, 10), To: callee, RingLimit: ring,
		SDP: sip.Offer(loopback, port, n)})
}

// answered places a call that must be answered with a session that we can play to.
func answered(t *testing.T, agent *sip.Agent) *sip.Call {
	t.Helper()
	res := place(t, agent, wait)
	require.Equal(t, sip.Answered.String(), res.End.String(), "%d %s, %v", res.Status, res.Reason, res.Err)
	answer, err := sip.ParseAnswer(res.Call.RemoteSDP())
	require.NoError(t, err)
	require.Equal(t, sip.PCMA, answer.PayloadType)
	return res.Call
}

// hangUp ends a call from our side.
func hangUp(t *testing.T, c *sip.Call) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	require.NoError(t, c.Hangup(ctx, sip.CauseNormal))
	require.Equal(t, avanak.Us, c.EndedBy())
}

// hungUp waits until the callee has ended a call.
func hungUp(t *testing.T, c *sip.Call) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(wait):
		require.Fail(t, "the callee did not hang up")
	}
	require.Equal(t, avanak.Callee, c.EndedBy())
	require.Equal(t, sip.CauseNormal, c.Cause())
}

// scenario starts SIPp by a scenario, and an agent that calls it.
func scenario(t *testing.T, name string, options ...string) (*peers.SIPpUAS, *sip.Agent) {
	t.Helper()
	uas := peers.SIPp(t, name, options...)
	return uas, newAgent(t, uas.Addr())
}
