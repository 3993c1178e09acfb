package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/config"
	"github.com/avanak/avanak/internal/redistest"
	"github.com/avanak/avanak/sip/siptest"
)

// A whole life: clip, campaign with refusals and retries, suppression, fast message, refused requests, drain. The log and
// the metrics of it name nobody (the log is looked at by run's clean-up).
func TestWholeLifeNamesNobody(t *testing.T) {
	s := newScene(t, 200*time.Millisecond, mixed)
	cfg := loopbackConfig(t)
	cfg.Trunks = []config.Trunk{trunkTo(s.farm)}
	g, stop := run(t, cfg, Options{})
	c := g.customer(t)
	soon := client.Duration(time.Second)
	_, err := c.Suppress(bounded(t), number(3))
	require.NoError(t, err)
	s.campaign(c, 12, client.CampaignRequest{Retry: &client.Retry{MaxAttempts: 2, Busy: &soon, Congestion: &soon}}, "0912000000x", "110")
	message, err := c.Send(bounded(t), client.MessageRequest{Clip: s.clip, Number: number(100),
		Window: &client.Window{From: "00:00", To: "24:00"}}, "once")
	require.NoError(t, err)
	_, err = c.Send(bounded(t), client.MessageRequest{Clip: s.clip, Number: "0912000000x"}, "")
	require.Error(t, err)
	eventually(t, func() bool {
		message, err = c.Message(bounded(t), message.ID)
		return err == nil && client.Terminal(message.State)
	}, "message is delivered")
	require.Equal(t, "delivered", message.State)
	require.Equal(t, map[string]int{"delivered": 11, "suppressed": 1}, standing(s.over(c)))

	status, page := get(t, g.AdminURL()+"/metrics")
	require.Equal(t, http.StatusOK, status)
	require.NotContains(t, page, "9120000")
	require.Contains(t, page, "\navanak_build_info{")
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap"} {
		status, _ := get(t, g.URL()+path)
		require.Equal(t, http.StatusNotFound, status, "%s is for the house only", path)
	}
	status, _ = get(t, g.AdminURL()+"/v1/clips")
	require.Equal(t, http.StatusNotFound, status, "the API is not on the admin listener")
	wellNamed(t, g)
	require.NoError(t, stop())
	require.Contains(t, g.logs.String(), `"msg":"draining: no new calls"`)
	status, _ = get(t, g.URL()+"/healthz")
	require.Zero(t, status, "the doors are closed")
}

// wellNamed holds our metrics against Prometheus' naming rules.
func wellNamed(t *testing.T, g *gateway) {
	t.Helper()
	families, err := g.registry.Gather()
	require.NoError(t, err)
	var ours []string
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "avanak_") {
			ours = append(ours, f.GetName())
		}
	}
	require.Greater(t, len(ours), 20)
	problems, err := testutil.GatherAndLint(g.registry, ours...)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestDrainingGatewayIsNotReady(t *testing.T) {
	s := newScene(t, 1500*time.Millisecond, answers)
	g, stop := run(t, loopbackConfig(t), Options{Farm: s.farm})
	status, body := get(t, g.AdminURL()+"/readyz")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"ready":true,"checks":{"redis":"ok","machine":"ok","trunks":"ok","trunk:sandbox":"ok"},"durability":"always","store":"embedded","draining":false}`, body)
	_, body = get(t, g.URL()+"/readyz")
	require.NotContains(t, body, "sandbox", "customers are not told of our trunks")
	s.campaign(g.customer(t), 1, client.CampaignRequest{})
	require.NoError(t, s.farm.WaitFor(bounded(t), func(n siptest.Counts) bool { return n.Packets > 5 }))

	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for _, url := range []string{g.URL(), g.AdminURL()} {
		eventually(t, func() bool {
			status, body := get(t, url+"/readyz")
			return status == http.StatusServiceUnavailable && strings.Contains(body, `"draining":true`)
		}, "not ready")
	}
	status, _ = get(t, g.URL()+"/healthz")
	require.Equal(t, http.StatusOK, status, "alive")
	require.NotEmpty(t, s.talking(), "the call goes on")
	require.NoError(t, <-ended)
	require.True(t, s.complete(s.farm.Calls()[0]), "the call was cut")
}

func TestGatewayWithoutRedisIsNotReady(t *testing.T) {
	db := redistest.Start(t, redistest.WithAOF("always"))
	cfg := loopbackConfig(t)
	cfg.Redis.URL = "unix://" + db.Socket()
	g, stop := run(t, cfg, Options{})
	require.Equal(t, "redis", g.StoreKind())
	db.Kill()
	eventually(t, func() bool {
		status, body := get(t, g.AdminURL()+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"redis":"redis does not answer"`)
	}, "not ready")
	status, _ := get(t, g.AdminURL()+"/healthz")
	require.Equal(t, http.StatusOK, status, "alive")
	db.Restart()
	eventually(t, func() bool { status, _ := get(t, g.AdminURL()+"/readyz"); return status == http.StatusOK }, "ready again")
	require.NoError(t, stop())
}

// A part that ends takes the gateway with it, and Run says which.
func TestFailedPartEndsTheGateway(t *testing.T) {
	g, err := open(t, loopbackConfig(t), Options{})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- g.Run(t.Context()) }()
	eventually(t, func() bool { status, _ := get(t, g.AdminURL()+"/healthz"); return status == http.StatusOK }, "alive")
	require.NoError(t, g.admin.Close())
	select {
	case err = <-ended:
	case <-time.After(wait):
		require.FailNow(t, "the gateway goes on without a part")
	}
	require.ErrorContains(t, err, "admin: ")
	require.Contains(t, g.logs.String(), "part failed: the gateway ends")
}
