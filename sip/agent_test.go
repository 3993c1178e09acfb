package sip

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestConfigIsValidated(t *testing.T) {
	good := Config{Name: "carrier", Targets: []string{"sip.example.com:5070"}, Callers: []string{"+982191000000"}}
	require.NoError(t, good.Validate())
	tests := []struct {
		name   string
		change func(*Config)
	}{
		{"no name", func(c *Config) { c.Name = "" }},
		{"no target", func(c *Config) { c.Targets = []string{""} }},
		{"target with a space", func(c *Config) { c.Targets = []string{"a b:5060"} }},
		{"target that injects", func(c *Config) { c.Targets = []string{"a;lr>:5060"} }},
		{"target port 0", func(c *Config) { c.Targets = []string{"127.0.0.1:0"} }},
		{"target port too large", func(c *Config) { c.Targets = []string{"127.0.0.1:65536"} }},
		{"target of another family", func(c *Config) { c.Targets = []string{"[::1]:5060"} }},
		{"bind to a name", func(c *Config) { c.Bind = "localhost:5060" }},
		{"bind without port", func(c *Config) { c.Bind = "127.0.0.1" }},
		{"advertised with a path", func(c *Config) { c.AdvertiseSIP = "host/path" }},
		{"user agent with a line break", func(c *Config) { c.UserAgent = "a\r\nb" }},
		{"TLS to two hosts without a name", func(c *Config) { c.Transport, c.Targets = OverTLS, []string{"a.example.com", "b.example.com"} }},
		{"no caller", func(c *Config) { c.Callers = []string{""} }},
		{"caller with letters", func(c *Config) { c.Callers = []string{"0219abc"} }},
		{"unknown number format", func(c *Config) { c.NumberFormat = "roman" }},
		{"negative first response", func(c *Config) { c.FirstResponse = -1 }},
		{"endless first response", func(c *Config) { c.FirstResponse = time.Hour }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			require.ErrorIs(t, c.Validate(), avanak.ErrInvalid)
			_, err := New(c, slog.New(slog.DiscardHandler), nil)
			require.ErrorIs(t, err, avanak.ErrInvalid)
		})
	}
}

func TestTrunkNamesAreUniqueInTheRegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	cfg := Config{Name: "one", Targets: []string{"127.0.0.1"}, Callers: []string{"0219100"}}
	_, err := New(cfg, slog.New(slog.DiscardHandler), reg)
	require.NoError(t, err)
	_, err = New(cfg, slog.New(slog.DiscardHandler), reg)
	require.ErrorContains(t, err, "trunk one")
	cfg.Name = "two"
	_, err = New(cfg, slog.New(slog.DiscardHandler), reg)
	require.NoError(t, err)
}

func TestAgentStartsOnceAndCallsOnlyWhileItRuns(t *testing.T) {
	cfg := Config{Name: "one", Targets: []string{"127.0.0.1:5999"}, Callers: []string{"0219100"}, Bind: "127.0.0.1:0"}
	inv := Invite{CallID: "c", To: 989120000001}
	a, err := New(cfg, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	require.ErrorIs(t, a.Invite(t.Context(), inv).Err, errNotReady)
	require.NoError(t, a.Start(t.Context()))
	require.ErrorIs(t, a.Start(t.Context()), errStarted)
	taken := cfg
	taken.Name, taken.Bind = "two", a.Addr().String()
	b, err := New(taken, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	require.ErrorContains(t, b.Start(t.Context()), "listen")
	require.NoError(t, b.Close(t.Context()))
	require.NoError(t, a.Close(t.Context()))
	require.Error(t, a.Close(t.Context()))
	require.ErrorIs(t, a.Invite(t.Context(), inv).Err, errNotReady)
	require.Error(t, a.Start(t.Context()))
}

func TestWhatTheFarEndIsTold(t *testing.T) {
	tests := []struct{ bind, advertise, host string }{
		{"0.0.0.0:0", "", "127.0.0.1:%d"},
		{"127.0.0.1:0", "gateway.example", "gateway.example:%d"},
		{"127.0.0.1:0", "192.0.2.7:5070", "192.0.2.7:5070"},
	}
	for _, tt := range tests {
		t.Run(tt.bind+" "+tt.advertise, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Bind, c.AdvertiseSIP = tt.bind, tt.advertise })
			want := tt.host
			if tt.advertise != "192.0.2.7:5070" {
				want = fmt.Sprintf(tt.host, r.agent.Addr().Port())
			}
			out := r.invite(t.Context(), Invite{SDP: []byte("v=0")})
			inv := r.next("INVITE")
			require.Contains(t, inv.get("Via"), "SIP/2.0/UDP "+want+";branch=z9hG4bK")
			require.Contains(t, inv.get("Contact"), "@"+want+">")
			require.Equal(t, int(r.agent.Addr().Port()), inv.from.Port)
			r.reply(inv, 486, "Busy Here", "leg1", "")
			require.Equal(t, Refused, r.result(out).End)
		})
	}
}

func TestCloseEndsWhatLives(t *testing.T) {
	r := newRig(t)
	talking, _ := r.answer()
	out := r.invite(t.Context(), Invite{CallID: "ringing"})
	ringing := r.next("INVITE")
	r.reply(ringing, 180, "Ringing", "leg1", "")
	r.heard(1)
	closed := make(chan error, 1)
	go func() { closed <- r.agent.Close(context.Background()) }()
	got := map[string]message{}
	for range 2 {
		m := r.either("CANCEL and BYE")
		got[m.kind()] = m
	}
	r.reply(got["BYE"], 200, "OK", "", "")
	r.reply(got["CANCEL"], 200, "OK", "leg1", "")
	r.reply(ringing, 487, "Request Terminated", "leg1", "")
	res := r.result(out)
	require.Equal(t, Cancelled, res.End)
	require.ErrorIs(t, res.Err, ErrClosing)
	require.Equal(t, 487, res.Status)
	r.ended(talking)
	require.NoError(t, <-closed)
	r.agent = idleAgent(t) // for the rig's own Close
}

func TestCloseWithoutTimeDropsWhatLives(t *testing.T) {
	r := newRig(t)
	talking, _ := r.answer()
	out := r.invite(t.Context(), Invite{CallID: "calling"})
	r.next("INVITE")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, r.agent.Close(ctx), context.Canceled)
	require.Equal(t, Cancelled, r.result(out).End)
	r.ended(talking)
	r.agent = idleAgent(t)
}

func idleAgent(t *testing.T) *Agent {
	t.Helper()
	a, err := New(Config{Name: "idle", Targets: []string{"127.0.0.1"}, Callers: []string{"0219100"}}, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	return a
}

func TestManyCallsAtOnce(t *testing.T) {
	const calls = 100
	r := newRig(t)
	// The callee answers each INVITE and BYE as it comes.
	var served sync.WaitGroup
	finished := false // guarded by the callee's mu
	served.Go(func() {
		for {
			var m message
			r.wait("call", func() bool {
				if r.read < len(r.callee.log) {
					m = *r.callee.log[r.read]
					r.read++
				}
				return m.start != "" || finished
			})
			switch {
			case m.start == "":
				return
			case m.kind() == "INVITE":
				r.reply(m, 180, "Ringing", "leg1", "")
				r.ok(m, "leg1")
			case m.kind() == "BYE":
				r.reply(m, 200, "OK", "", "")
			}
		}
	})
	var callers sync.WaitGroup
	results := make([]Result, calls)
	for n := range calls {
		callers.Go(func() {
			results[n] = r.agent.Invite(t.Context(), Invite{CallID: fmt.Sprintf("many-%d", n), To: 989120000000 + avanak.Number(n)})
			if c := results[n].Call; c != nil {
				_ = c.Hangup(context.Background(), CauseNormal)
			}
		})
	}
	callers.Wait()
	r.callee.mu.Lock()
	finished = true
	r.cond.Broadcast()
	r.callee.mu.Unlock()
	served.Wait()
	for n, res := range results {
		require.Equal(t, Answered, res.End, "call %d: %v", n, res.Err)
		require.Equal(t, avanak.Us, res.Call.EndedBy())
	}
	require.InDelta(t, calls, r.metric("invites_total"), 0)
	require.InDelta(t, 0, r.metric("calls"), 0)
	require.Eventually(t, func() bool { return r.metric("legs") == 0 }, patience, 10*time.Millisecond,
		"legs end with their transactions")
}
