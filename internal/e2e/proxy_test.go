package e2e

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/peers"
	"github.com/avanak/avanak/sip"
	"github.com/avanak/avanak/sip/siptest"
)

// alawSilence is what A-law's silence looks like (G.711).
const alawSilence = 0xD5

// newFarm starts callees that all take calls by b.
func newFarm(t *testing.T, b siptest.Behaviour) *siptest.Farm {
	t.Helper()
	farm, err := siptest.New(siptest.Config{Behave: func(string, int) siptest.Behaviour { return b }})
	require.NoError(t, err)
	farm.Start()
	t.Cleanup(farm.Close)
	return farm
}

// seen waits until ok holds for the farm's record of a call.
func seen(t *testing.T, farm *siptest.Farm, callID string, ok func(siptest.Call) bool) siptest.Call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	heard, err := farm.WaitCall(ctx, callID, ok)
	require.NoError(t, err, "%+v", heard)
	return heard
}

// relayed waits until the proxy has told how it sent these requests on to a callee, in this order. Requests that it sent
// again count once.
func relayed(t *testing.T, proxy *peers.Proxy, to netip.AddrPort, methods ...string) {
	t.Helper()
	var got []string
	require.Eventually(t, func() bool {
		got = nil
		for _, h := range proxy.Hops() {
			if h.To == to && (len(got) == 0 || got[len(got)-1] != h.Method) {
				got = append(got, h.Method)
			}
		}
		return slices.Equal(got, methods)
	}, wait, 10*time.Millisecond, "want %v, got %v", methods, &got)
}

// The carrier's edge stands between: signalling keeps to the Record-Route, and audio goes where the edge says.
func TestKamailioAndRTPEngineStandBetween(t *testing.T) {
	farm := newFarm(t, siptest.Behaviour{AnswerAfter: 100 * time.Millisecond})
	media := peers.RTPEngine(t)
	proxy := peers.Kamailio(t, peers.Route{To: []netip.AddrPort{farm.Addr()}, Media: media.Addr()})
	frames := tone(t, time.Second)

	callID, report := attempt(t, proxy.Addr(), frames)
	require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String(), report.Detail)
	heard := seen(t, farm, callID, siptest.Call.Ended)

	require.Equal(t, proxy.Addr(), heard.Invites[0].Source)
	require.Len(t, heard.Invites, 1)
	require.Equal(t, siptest.Caller, heard.ByeBy)
	require.Contains(t, heard.Reason, "cause=16")
	// The callee has had an ACK and a BYE, and the proxy has sent just these: they came by the route set.
	require.Positive(t, heard.Acks)
	relayed(t, proxy, farm.Addr(), "INVITE", "ACK", "BYE")

	require.True(t, media.Owns(heard.Offered), "the offer names the media proxy: %s", heard.Offered)
	require.True(t, media.Owns(heard.RTP.Source), "audio comes from the media proxy: %s", heard.RTP.Source)
	match := heard.Heard().Match(frames.ALaw, avanak.FrameBytes, alawSilence)
	require.True(t, match.Complete, "%+v", match)
}

// Two phones of one callee ring, and both answer: the second was on its way when the proxy cancelled it. Whoever picked
// up the phone that is not our call must not listen to a line on which nobody speaks.
func TestSecondAnswerOfAForkIsHungUp(t *testing.T) {
	first := newFarm(t, siptest.Behaviour{AnswerAfter: 300 * time.Millisecond})
	second := newFarm(t, siptest.Behaviour{Kind: siptest.NoAnswer, LateAnswer: true})
	proxy := peers.Kamailio(t, peers.Route{To: []netip.AddrPort{first.Addr(), second.Addr()}})
	agent := newAgent(t, proxy.Addr())

	c := answered(t, agent)
	late := seen(t, second, c.CallID(), func(c siptest.Call) bool { return !c.AnsweredAt.IsZero() })
	require.False(t, late.CancelAt.IsZero(), "the proxy cancels the branch that lost")
	// The answers come within a millisecond: either of them may be the call.
	answer, err := sip.ParseAnswer(c.RemoteSDP())
	require.NoError(t, err)
	taken, other := first, second
	if answer.Addr == late.Media {
		taken, other = second, first
	}

	ended := seen(t, other, c.CallID(), siptest.Call.Ended)
	require.False(t, ended.AckAt.IsZero(), "a further 2xx is acknowledged (RFC 3261 section 13.2.2.4)")
	require.Equal(t, siptest.Caller, ended.ByeBy)
	relayed(t, proxy, other.Addr(), "INVITE", "ACK", "BYE") // a CANCEL would be the proxy's own, not sent on

	require.Equal(t, avanak.Nobody, c.EndedBy(), "the other answer is the call")
	hangUp(t, c)
	require.Equal(t, siptest.Caller, seen(t, taken, c.CallID(), siptest.Call.Ended).ByeBy)
	relayed(t, proxy, taken.Addr(), "INVITE", "ACK", "BYE")
}

// SIPp in place of our own farm behind the proxy: its scenario passes only where ACK and BYE find their way by the route
// set, and its own BYE finds us.
func TestSIPpBehindKamailio(t *testing.T) {
	for name, hang := range map[string]func(*testing.T, *sip.Call){
		"answer": hangUp, "early_bye": hungUp, "reinvite": hungUp, "lost_ack": hungUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uas := peers.SIPp(t, name, "-d", ringText)
			proxy := peers.Kamailio(t, peers.Route{To: []netip.AddrPort{uas.Addr()}})
			hang(t, answered(t, newAgent(t, proxy.Addr())))
			uas.Wait()
		})
	}
}
