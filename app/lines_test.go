package app

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/config"
	"github.com/avanak/avanak/sip/siptest"
)

func TestMediaModeOfATrunkIsThatOfItsLine(t *testing.T) {
	farm, err := siptest.New(siptest.Config{})
	require.NoError(t, err)
	t.Cleanup(farm.Close)
	for mode, symmetric := range map[string]bool{"": false, "sdp": false, "symmetric_once": true} {
		trunk := trunkTo(farm)
		trunk.MediaMode = mode
		a := &App{log: slog.New(slog.DiscardHandler), registry: prometheus.NewRegistry(), cfg: config.Default()}
		line, err := a.openLine(t.Context(), trunk)
		require.NoError(t, err)
		require.Equal(t, symmetric, line.Symmetric, mode)
		require.NoError(t, line.Agent.Close(t.Context()))
	}
}
