package app

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

// refuses is a farm in which nobody is called: the trunk refuses with this status before anything rings.
func refuses(status int) func(string, int) siptest.Behaviour {
	return func(string, int) siptest.Behaviour { return siptest.Behaviour{Status: status} }
}

// once is a campaign in which no recipient gets a second attempt.
func once() client.CampaignRequest {
	none := client.Duration(0)
	return client.CampaignRequest{Retry: &client.Retry{MaxAttempts: 1, Busy: &none, NoAnswer: &none, Congestion: &none}}
}

// serve serves a gateway over these trunks, with an embedded store that the scene reads beside it.
func (s *scene) serve(data string, trunks ...carrier) *process {
	s.Helper()
	gateway := serve(s.T, settings{data: data, trunks: trunks}.write(s.T))
	s.read(&redis.Options{Network: "unix", Addr: socketOf(s.T, data)})
	return gateway
}

// within holds a farm's log against the limits of the trunk that leads to it (DESIGN I8).
func (s *scene) within(c carrier, farms ...*siptest.Farm) {
	s.Helper()
	var calls []siptest.Call
	var invites []siptest.Invite
	for _, farm := range farms {
		calls, invites = append(calls, farm.Calls()...), append(invites, farm.Invites()...)
	}
	sortInvites(invites)
	require.LessOrEqual(s, mostInSecond(invites, 5*time.Millisecond), int(c.cps), "INVITEs in a second at %s", c.name)
	require.LessOrEqual(s, mostAtOnce(calls), c.channels, "calls at once at %s", c.name)
}

// A trunk that can carry nothing costs nobody a call: each recipient is called once, over the other trunk, within the same
// attempt. The trunk that fails is left alone soon.
func TestRefusingTrunkIsPassedByWithinTheAttempt(t *testing.T) {
	t.Parallel()
	const n = 60
	s := newScene(t, 200*time.Millisecond, refuses(503))
	works := s.another("", answers)
	first, second := to("first", "", s.farm), to("second", "", works)
	gateway := s.serve(t.TempDir(), first, second)
	s.campaign(gateway.customer(), n, client.CampaignRequest{})
	at := s.over(gateway.customer())

	h := s.judge(at)
	require.Equal(t, map[string]int{"delivered": n}, standing(at))
	require.Equal(t, n, at.Attempts, "a further leg is no further attempt")
	began := map[string]bool{} // numbers whose first leg went to the first trunk
	for _, call := range s.farm.Calls() {
		require.False(t, began[call.Number], "called twice over the trunk that fails")
		began[call.Number] = true
		require.Contains(t, h.intents, call.CallID, "the first trunk has first legs only")
	}
	require.NotEmpty(t, began)
	reached := map[string]bool{}
	for _, call := range works.Calls() {
		require.False(t, reached[call.Number], "called twice")
		reached[call.Number] = true
		require.True(t, s.complete(call))
		_, further := h.legs[call.CallID]
		require.Equal(t, began[call.Number], further, "%s", call.CallID)
	}
	require.Len(t, reached, n)
	require.Len(t, h.legs, len(began))
	for at, e := range h.closed {
		legs := 1
		if began[number(int(at.ordinal))] {
			legs = 2
		}
		require.Equal(t, []any{avanak.Completed, "second", legs}, []any{e.Outcome, e.Trunk, max(e.Legs, 1)})
	}

	// Ten failures in a row close the trunk; what was on its way by then still comes.
	require.LessOrEqual(t, len(began), 20, "INVITEs to a trunk that fails every one")
	require.GreaterOrEqual(t, gateway.metric(`avanak_trunk_transitions_total{to="resting",trunk="first"}`), 1.0)
	require.Zero(t, gateway.metric(`avanak_trunk_state{state="up",trunk="first"}`))
	require.Zero(t, gateway.metric(`avanak_trunk_rate_cps{trunk="first"}`))
	require.Equal(t, 1, int(gateway.metric(`avanak_trunk_state{state="up",trunk="second"}`)))
	require.Equal(t, len(began), int(gateway.metric(`avanak_dispatcher_legs_total{class="congestion",trunk="first"}`)))
	s.within(first, s.farm)
	s.within(second, works)
}

// A trunk that fails every second call is offered fewer, and keeps its part of the traffic.
func TestHalfCongestedTrunkIsOfferedFewerCalls(t *testing.T) {
	t.Parallel()
	const n = 150
	calls := 0
	s := newScene(t, 100*time.Millisecond, func(string, int) siptest.Behaviour {
		if calls++; calls%2 == 1 {
			return siptest.Behaviour{Kind: siptest.Unavailable}
		}
		return siptest.Behaviour{AnswerAfter: 30 * time.Millisecond}
	})
	works := s.another("", answers)
	first, second := to("first", "", s.farm), to("second", "", works)
	gateway := s.serve(t.TempDir(), first, second)
	s.campaign(gateway.customer(), n, client.CampaignRequest{})
	at := s.over(gateway.customer())

	h := s.judge(at)
	require.Equal(t, map[string]int{"delivered": n}, standing(at))
	require.Equal(t, n, at.Attempts)
	require.NotEmpty(t, h.legs)
	for _, call := range s.calls() {
		if _, further := h.legs[call.CallID]; further {
			require.Equal(t, 200, call.Status, "over the other trunk")
		}
	}
	require.Less(t, gateway.metric(`avanak_trunk_rate_cps{trunk="first"}`), 0.8*first.cps)
	invites := s.farm.Invites()
	all := works.Invites()
	span := all[len(all)-1].At.Sub(invites[0].At).Seconds()
	require.Less(t, float64(len(invites)), 0.75*first.cps*span, "INVITEs to the congested trunk in %.1f s", span)
	s.within(first, s.farm)
	s.within(second, works)
}

// What a callee says, and what may have rung, is nobody else's business: one INVITE to each number, whatever other trunks
// there are, and nothing of it hurts the trunk.
func TestCalleesWordAndSilenceGoToNoOtherTrunk(t *testing.T) {
	t.Parallel()
	const n = 70
	kinds := []siptest.Behaviour{{Status: 486}, {Status: 600}, {Status: 603}, {Status: 404}, {Status: 480}, {Status: 607},
		{Status: 503, Provisionals: 1}, {Kind: siptest.Silent}}
	states := []string{"busy", "busy", "rejected", "invalid_number", "no_answer", "rejected", "no_answer", "uncertain"}
	seen := 0
	s := newScene(t, 100*time.Millisecond, func(string, int) siptest.Behaviour {
		seen++
		return kinds[seen%len(kinds)]
	})
	works := s.another("", answers)
	first, second := to("first", "first_response: 3s", s.farm), to("second", "", works)
	gateway := s.serve(t.TempDir(), first, second)
	s.campaign(gateway.customer(), n, once())
	at := s.over(gateway.customer())

	h := s.judge(at)
	require.Empty(t, h.legs, "further legs")
	for i, calls := range s.callsTo() {
		require.Equal(t, 1, calls, "INVITEs to recipient %d", i)
	}
	want := map[string]int{"delivered": len(works.Calls())}
	for i, call := range s.farm.Calls() {
		want[states[(i+1)%len(kinds)]]++
		require.LessOrEqual(t, h.closed[try{h.intents[call.CallID].Ordinal, 1}].Legs, 1, "legs")
	}
	require.Greater(t, len(s.farm.Calls()), len(kinds))
	require.Equal(t, want, standing(at))
	for _, state := range []string{"up", "resting", "probing", "paused", "down"} {
		require.Zero(t, gateway.metric(`avanak_trunk_transitions_total{to="`+state+`",trunk="first"}`), state)
	}
	require.InDelta(t, avanak.PaceShare*first.cps, gateway.metric(`avanak_trunk_rate_cps{trunk="first"}`), 0.01)
	s.within(first, s.farm)
}
