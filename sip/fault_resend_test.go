package sip

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A phone rang, then a proxy on the way asked for something, and the INVITE anew did not leave: the call went to another
// trunk as one for which nothing had rung.
func TestInviteAnewThatDoesNotLeaveAfterRingingIsNotDead(t *testing.T) {
	for name, rings := range map[string]bool{"it rang": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			res := Result{End: NotSent, Err: &transportError{nil}}
			if rings {
				res.Timing.Ringing = time.Now()
			}
			res.judge()
			require.Equal(t, !rings, res.Dead)
		})
	}
}

// The gate of an INVITE anew is not passed once its phone was picked up by the INVITE before it.
func TestAnswerThatComesWhileTheInviteAnewWaitsAtTheGate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	asked, open := make(chan int, 2), make(chan struct{})
	n := 0
	out := r.invite(t.Context(), Invite{BeforeSend: func(context.Context) error {
		if n++; n > 1 {
			asked <- n
			<-open
		}
		return nil
	}})
	first := r.next("INVITE")
	r.reply(first, 422, "Session Interval Too Small", "leg1", "", "Min-SE: 120")
	r.next("ACK")
	<-asked
	r.ok(first, "leg2")
	require.Eventually(t, func() bool { return len(r.agent.leg("cmp_x-1-1").inbox) > 0 }, patience, time.Millisecond)
	close(open)
	res := r.result(out)
	require.Equal(t, Answered, res.End, "%+v", res)
	require.Equal(t, "1 ACK", r.next("ACK").get("CSeq"))
	r.hangup(res.Call)
	require.Equal(t, []string{"INVITE", "ACK", "ACK", "BYE"}, r.kinds())
}

// An agent that registers and was never started has no one to say goodbye to.
func TestCloseOfAnAgentThatWouldRegisterButNeverStarted(t *testing.T) {
	cfg := Config{Name: "idle", Targets: []string{"127.0.0.1"}, Callers: []string{"0219100"}, Register: Register{User: "gw"}}
	a, err := New(cfg, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	require.NotPanics(t, func() { require.NoError(t, a.Close(t.Context())) })
}
