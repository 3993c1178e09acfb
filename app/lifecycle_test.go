package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/config"
)

func TestClosersCloseTheLastOpenedFirstAndAllOfThem(t *testing.T) {
	c := closers{log: slog.New(slog.DiscardHandler)}
	var order []string
	broken := errors.New("broken")
	for _, name := range []string{"store", "trunk", "listener"} {
		c.add(name, time.Minute, func(ctx context.Context) error {
			limit, bounded := ctx.Deadline()
			require.True(t, bounded)
			require.InDelta(t, time.Minute.Seconds(), time.Until(limit).Seconds(), 10)
			order = append(order, name)
			if name == "trunk" {
				return broken
			}
			return nil
		})
	}
	err := c.close()
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, "close trunk: broken")
	require.Equal(t, []string{"listener", "trunk", "store"}, order)
	require.NoError(t, c.close(), "only once")
	require.Len(t, order, 3)
}

func TestLoggerFollowsTheConfiguration(t *testing.T) {
	for _, tt := range []struct {
		cfg  config.Log
		want string
	}{
		{config.Log{Level: "info", Format: "text"}, "level=INFO msg=two"},
		{config.Log{Level: "warn", Format: "text"}, ""},
		{config.Log{Level: "info", Format: "json"}, `"level":"INFO","msg":"two"}`},
	} {
		var out bytes.Buffer
		log := newLogger(tt.cfg, &out)
		log.Debug("one")
		log.Info("two")
		require.NotContains(t, out.String(), "one")
		if tt.want == "" {
			require.Empty(t, out.String())
		}
		require.Contains(t, out.String(), tt.want)
	}
}
