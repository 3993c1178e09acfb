package sip

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An INVITE that waited at the gate when Close began left all the same, and its phone rang for a call that was given up;
// a Close whose time was over waited for the gate, without end.
func TestCloseEndsTheWaitAtTheFirstGate(t *testing.T) {
	t.Parallel()
	for name, gate := range map[string]func(ctx context.Context, closing <-chan struct{}) error{
		"a gate that waits": func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"a gate that opens while the agent closes": func(_ context.Context, closing <-chan struct{}) error {
			<-closing
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			asked := make(chan struct{})
			ctx, stop := context.WithTimeout(context.Background(), patience)
			defer stop()
			out := r.invite(ctx, Invite{BeforeSend: func(ctx context.Context) error {
				close(asked)
				return gate(ctx, r.agent.drain)
			}})
			<-asked
			began := time.Now()
			require.NoError(t, r.agent.Close(ctx))
			require.Less(t, time.Since(began), patience/2)
			res := r.result(out)
			require.Equal(t, NotSent, res.End, "%+v", res)
			require.False(t, res.Dead)
			require.Empty(t, r.kinds())
			r.agent = idleAgent(t)
		})
	}
}
