package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
	"github.com/avanak/avanak/store"
)

// A trunk's second target gets the call that the first refuses, from the first call on, whether or not targets are asked
// by OPTIONS.
func TestSecondTargetGetsWhatTheFirstRefuses(t *testing.T) {
	for name, options := range map[string]string{"asked by options": "", "not asked": "options: off"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 40
			s := newScene(t, 200*time.Millisecond, refuses(503))
			works := s.another("", answers)
			both := to("both", options, s.farm, works)
			gateway := s.serve(t.TempDir(), both)
			s.campaign(gateway.customer(), n, once())
			at := s.over(gateway.customer())

			h := s.judge(at)
			require.Equal(t, map[string]int{"delivered": n}, standing(at))
			refused := map[string]bool{}
			for _, call := range s.farm.Calls() {
				require.Contains(t, h.intents, call.CallID, "first legs only")
				require.False(t, refused[call.Number], "refused twice")
				refused[call.Number] = true
			}
			require.NotEmpty(t, refused)
			require.LessOrEqual(t, len(refused), 10, "a target that refuses every call is tried last")
			require.Len(t, works.Calls(), n, "each recipient once")
			require.Len(t, h.legs, len(refused))
			for _, call := range works.Calls() {
				_, further := h.legs[call.CallID]
				require.Equal(t, refused[call.Number], further)
			}
			require.Zero(t, gateway.metric(`avanak_trunk_transitions_total{to="resting",trunk="both"}`), "the trunk serves")
			s.within(both, s.farm, works)
		})
	}
}

// A target that leaves OPTIONS unanswered gets no call, and gets calls again when it answers.
func TestDeadTargetIsLeftOutUntilItAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t, 200*time.Millisecond, answers)
	works := s.another("", answers)
	both := to("both", "options: 100ms, first_response: 20s", s.farm, works)
	gateway := s.serve(t.TempDir(), both)
	const up = `avanak_sip_targets_up{trunk="both"}`
	calls := func() (first, second int) {
		before := []int{len(s.farm.Calls()), len(works.Calls())}
		s.campaign(gateway.customer(), 4, once())
		at := s.over(gateway.customer())
		require.Equal(t, map[string]int{"delivered": 4}, standing(at))
		return len(s.farm.Calls()) - before[0], len(works.Calls()) - before[1]
	}
	first, second := calls()
	require.Equal(t, []int{4, 0}, []int{first, second}, "the first target is preferred")

	s.farm.Close()
	eventually(t, func() bool { return gateway.metric(up) == 1 }, "the dead target is noticed")
	first, second = calls()
	require.Equal(t, []int{0, 4}, []int{first, second})

	again := startFarm(t, s.farm.Addr().String(), answers)
	eventually(t, func() bool { return gateway.metric(up) == 2 }, "the target is back")
	require.Positive(t, again.Counts().Options)
	s.beside, s.farm = append(s.beside, s.farm), again
	first, second = calls()
	require.Equal(t, []int{4, 0}, []int{first, second}, "preferred again")
	require.Zero(t, gateway.metric(`avanak_trunk_transitions_total{to="down",trunk="both"}`), "one target is enough")
}

// Who says "never again" is called once, by whichever campaign: rejected, and on the suppression list before the attempt is
// closed.
func TestUnwantedCallIsTheLastToItsNumber(t *testing.T) {
	t.Parallel()
	statuses := map[string]int{number(1): 607, number(2): 608}
	s := newScene(t, 200*time.Millisecond, func(number string, _ int) siptest.Behaviour {
		return siptest.Behaviour{Status: statuses[number]}
	})
	gateway := s.serve(t.TempDir(), to("only", "", s.farm))
	c := gateway.customer()
	s.campaign(c, 4, client.CampaignRequest{})
	at := s.over(c)
	h := s.judge(at)
	require.Equal(t, map[string]int{"delivered": 2, "rejected": 2}, standing(at))
	for ordinal, outcome := range []avanak.Outcome{avanak.Completed, avanak.Unwanted, avanak.Unwanted, avanak.Completed} {
		require.Equal(t, outcome, h.closed[try{uint32(ordinal), 1}].Outcome) //nolint:gosec // small
	}
	for _, i := range []avanak.Number{1, 2} {
		suppressed, err := store.NewSuppressions(s.rdb).Has(bounded(t), firstNumber+i)
		require.NoError(t, err)
		require.True(t, suppressed)
	}
	require.Equal(t, 2, int(gateway.metric("avanak_dispatcher_unwanted_total")))

	s.campaign(c, 4, client.CampaignRequest{})
	at = s.over(c)
	require.Equal(t, map[string]int{"delivered": 2, "suppressed": 2}, standing(at))
	require.Equal(t, []int{2, 1, 1, 2}, s.callsTo())
}
