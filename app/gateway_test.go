package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/config"
	"github.com/avanak/avanak/sip/siptest"
)

// gateway is one in this process.
type gateway struct {
	*App
	logs lockedText
}

// loopbackConfig is a gateway's on ports of the kernel's choice in a directory of its own.
func loopbackConfig(t *testing.T) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Node = t.TempDir(), "test"
	cfg.HTTP.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Media.LeadIn = 100 * time.Millisecond
	return cfg
}

// trunkTo is a trunk that leads to a farm.
func trunkTo(farm *siptest.Farm) config.Trunk {
	return config.Trunk{Name: "farm", Targets: []string{farm.Addr().String()}, Bind: "127.0.0.1:0", RTP: config.RTP{Bind: "127.0.0.1"},
		CPS: 50, Channels: 50, Callers: []string{"+989120009999"}}
}

// open makes a gateway whose log is at hand.
func open(t *testing.T, cfg config.Config, o Options) (*gateway, error) {
	t.Helper()
	g := &gateway{}
	o.Logger = slog.New(slog.NewJSONHandler(&g.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if o.Out == nil {
		o.Out = &g.logs
	}
	var err error
	g.App, err = New(t.Context(), cfg, o)
	t.Cleanup(func() {
		require.NotContains(t, g.logs.String(), "9120000", "a number stands in the log")
		require.NotContains(t, g.logs.String(), "avk_", "a key stands in the log")
	})
	return g, err
}

// run opens a gateway and runs it; stop ends it and returns Run's error.
func run(t *testing.T, cfg config.Config, o Options) (g *gateway, stop func() error) {
	t.Helper()
	g, err := open(t, cfg, o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = g.Run(ctx)
	}()
	stop = func() error {
		cancel()
		<-done
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return g, stop
}

func (g *gateway) customer(t *testing.T) *client.Client {
	t.Helper()
	return customer(t, g.URL(), g.OperatorKeyFile())
}

// get fetches a page and returns status and body; 0 where nobody answers.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(bounded(t), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}
