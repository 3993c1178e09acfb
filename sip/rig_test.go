package sip

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/sip/locate"
)

// rig is an Agent with its callee.
type rig struct {
	*callee
	agent *Agent
	reg   *prometheus.Registry
	log   *bytes.Buffer
	mu    *sync.Mutex
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	return newRigWith(t, locate.Config{}, change...)
}

// newRigWith is newRig with a resolver and a clock in dns.
func newRigWith(t *testing.T, dns locate.Config, change ...func(*Config)) *rig {
	t.Helper()
	u := newCallee(t)
	r := &rig{callee: u, reg: prometheus.NewRegistry(), log: new(bytes.Buffer), mu: new(sync.Mutex)}
	cfg := DefaultConfig()
	cfg.Name, cfg.Targets, cfg.Bind, cfg.Callers = "test", []string{u.addr()}, "127.0.0.1:0", []string{"02191000000"}
	cfg.FirstResponse, cfg.Options = 8*time.Second, -1
	for _, f := range change {
		f(&cfg)
	}
	var err error
	r.agent, err = newAgent(cfg, slog.New(slog.NewTextHandler(lockedWriter{r.mu, r.log}, nil)), r.reg, dns)
	require.NoError(t, err)
	require.NoError(t, r.agent.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, r.agent.Close(ctx))
		r.mu.Lock()
		defer r.mu.Unlock()
		require.NotContains(t, r.log.String(), "912000", "a number was logged")
	})
	return r
}

func (r *rig) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// metric is the value of a counter or gauge of the agent, summed over the labels that are not asked for.
func (r *rig) metric(name string, labels ...string) float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	require.NoError(r.t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() != "avanak_sip_"+name {
			continue
		}
	next:
		for _, m := range f.GetMetric() {
			for i := 0; i+1 < len(labels); i += 2 {
				found := false
				for _, l := range m.GetLabel() {
					found = found || (l.GetName() == labels[i] && l.GetValue() == labels[i+1])
				}
				if !found {
					continue next
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// heard waits until the agent took n provisional responses: sipgo handles each datagram in a goroutine of its own, so
// that responses sent in a burst overtake each other.
func (r *rig) heard(n int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.metric("responses_total", "class", "1xx") >= float64(n) }, patience,
		time.Millisecond)
}

// invite places inv in the background.
func (r *rig) invite(ctx context.Context, inv Invite) <-chan Result {
	if inv.CallID == "" {
		inv.CallID = "cmp_x-1-1"
	}
	if inv.To == 0 {
		inv.To = 989120000001
	}
	if inv.SDP == nil {
		inv.SDP = Offer(r.agent.Addr().Addr(), 4002, 7)
	}
	out := make(chan Result, 1)
	go func() { out <- r.agent.Invite(ctx, inv) }()
	return out
}

func (r *rig) result(out <-chan Result) Result {
	r.t.Helper()
	select {
	case res := <-out:
		return res
	case <-time.After(patience):
		r.t.Fatal("Invite did not return")
		return Result{}
	}
}

// answer takes one call up and returns it with its INVITE.
func (r *rig) answer() (*Call, message) {
	r.t.Helper()
	out := r.invite(r.t.Context(), Invite{})
	inv := r.next("INVITE")
	r.ok(inv, "leg1")
	res := r.result(out)
	require.Equal(r.t, Answered, res.End, "%+v", res)
	r.next("ACK")
	return res.Call, inv
}

// hangup ends a call whose callee answers the BYE, and returns the BYE.
func (r *rig) hangup(c *Call) message {
	r.t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.Hangup(r.t.Context(), CauseNormal) }()
	bye := r.next("BYE")
	r.reply(bye, 200, "OK", "", "")
	require.NoError(r.t, <-done)
	return bye
}

func (r *rig) ended(c *Call) {
	r.t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		r.t.Fatal("call did not end")
	}
}

// looked waits until the agent has looked at its targets for the first time: after it a test may put another locator in.
func (r *rig) looked() {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return len(r.agent.Health().Targets) > 0 }, patience, time.Millisecond)
}
