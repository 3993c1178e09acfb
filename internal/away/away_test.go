package away_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/internal/away"
	"github.com/avanak/avanak/internal/redistest"
)

func TestIs(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"none":               {nil, false},
		"caller gave up":     {fmt.Errorf("get: %w", context.Canceled), false},
		"too slow":           {context.DeadlineExceeded, true},
		"connection lost":    {io.EOF, true},
		"refused":            {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		"client closed":      {redis.ErrClosed, true},
		"pool exhausted":     {redis.ErrPoolTimeout, true},
		"no such key is one": {redis.Nil, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, away.Is(tt.err)) })
	}
}

// What servers really answer, and not what we believe they do.
func TestRepliesOfARealServer(t *testing.T) {
	s := redistest.Start(t)
	rdb, ctx := s.Client(), t.Context()
	require.NoError(t, rdb.Set(ctx, "k", "text", 0).Err())
	err := rdb.LPush(ctx, "k", "x").Err()
	require.Error(t, err)
	require.False(t, away.Is(err), "WRONGTYPE is our fault: %v", err)
	require.NoError(t, rdb.ConfigSet(ctx, "maxmemory", "1").Err())
	err = rdb.Set(ctx, "other", "text", 0).Err()
	require.Error(t, err)
	require.True(t, away.Is(err), "out of memory: %v", err)
	err = rdb.Eval(ctx, "#!lua\nreturn redis.call('SET', KEYS[1], 'x')", []string{"k"}).Err()
	require.Error(t, err)
	require.True(t, away.Is(err), "a script refused out of memory: %v", err)
	require.NoError(t, rdb.ConfigSet(ctx, "maxmemory", "0").Err())
	require.NoError(t, rdb.SlaveOf(ctx, "127.0.0.1", "1").Err())
	err = rdb.Set(ctx, "other", "text", 0).Err()
	require.Error(t, err)
	require.True(t, away.Is(err), "a replica: %v", err)
	s.Kill()
	err = rdb.Get(ctx, "k").Err()
	require.Error(t, err)
	require.True(t, away.Is(err), "gone: %v", err)
}
