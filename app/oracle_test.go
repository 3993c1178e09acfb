package app

import (
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

// try names one attempt of a recipient.
type try struct {
	ordinal uint32
	attempt int
}

// history is a campaign's event stream taken apart.
type history struct {
	intents map[string]avanak.Event // by Call-ID
	legs    map[string]avanak.Event // by Call-ID, from the second of an attempt on
	closed  map[try]avanak.Event
	late    map[try]avanak.Event
}

// history reads the events and holds them against DESIGN I3 and I4: attempts of a recipient never overlap, each is closed
// once, and one that follows an unknown end is marked.
func (s *scene) history() history {
	s.Helper()
	h := history{intents: map[string]avanak.Event{}, legs: map[string]avanak.Event{}, closed: map[try]avanak.Event{}, late: map[try]avanak.Event{}}
	for _, e := range s.events() {
		at := try{e.Ordinal, e.Attempt}
		switch e.Kind {
		case avanak.EventIntent:
			require.NotContains(s, h.intents, e.CallID, "intent recorded twice")
			require.Equal(s, avanak.CallID(s.id, e.Ordinal, e.Attempt), e.CallID)
			if e.Attempt > 1 {
				before, ok := h.closed[try{e.Ordinal, e.Attempt - 1}]
				require.True(s, ok, "attempt %d of %d began before the one before it was closed", e.Attempt, e.Ordinal)
				require.Equal(s, before.Outcome == avanak.Uncertain, e.AfterUncertain, "mark of attempt %d of %d", e.Attempt, e.Ordinal)
			}
			h.intents[e.CallID] = e
		case avanak.EventLeg:
			require.NotContains(s, h.legs, e.CallID, "leg recorded twice")
			require.Equal(s, avanak.LegCallID(s.id, e.Ordinal, e.Attempt, e.Legs), e.CallID)
			require.Contains(s, h.intents, avanak.CallID(s.id, e.Ordinal, e.Attempt), "a leg without an intent")
			require.NotContains(s, h.closed, at, "a leg of an attempt that is closed")
			h.legs[e.CallID] = e
		case avanak.EventClosed:
			require.NotContains(s, h.closed, at, "closed twice")
			require.Contains(s, h.intents, avanak.CallID(s.id, e.Ordinal, e.Attempt), "closed without an intent")
			h.closed[at] = e
		case avanak.EventLate:
			require.NotContains(s, h.late, at)
			require.Equal(s, avanak.Uncertain, h.closed[at].Outcome)
			h.late[at] = e
		case avanak.EventSkipped, avanak.EventRun:
		}
	}
	return h
}

// open counts the attempts that are not closed.
func (h history) open() int { return len(h.intents) - len(h.closed) }

// uncertain counts the attempts that were closed without anybody knowing their end.
func (h history) uncertain() int {
	n := 0
	for _, e := range h.closed {
		if e.Outcome == avanak.Uncertain {
			n++
		}
	}
	return n
}

// judge holds the callees' log against the event stream and the campaign's final counts (DESIGN I1 to I4).
func (s *scene) judge(at client.Campaign) history {
	s.Helper()
	h := s.history()
	require.Zero(s, h.open(), "every intent has its closing record")
	seen := map[string]bool{}
	for _, c := range s.calls() {
		if c.Behaviour.Password == "" {
			require.Len(s, c.Invites, 1)
		}
		require.False(s, seen[c.CallID] || c.Invites[0].Repeat, "%s was sent twice", c.CallID)
		seen[c.CallID] = true
		intent, ok := h.intents[c.CallID]
		if !ok {
			intent, ok = h.legs[c.CallID]
		}
		require.True(s, ok, "%s has no intent", c.CallID)
		require.False(s, intent.At.After(c.InviteAt), "intent of %s is later than its INVITE", c.CallID)
		require.Equal(s, number(int(intent.Ordinal)), c.Number)
	}
	sum := 0
	for state, n := range standing(at) {
		require.True(s, client.Terminal(state), "%d recipients are %s at rest", n, state)
		sum += n
	}
	require.Equal(s, s.n, sum, "no recipient is lost")
	require.Equal(s, s.n, at.Recipients)
	require.Equal(s, len(h.intents), at.Attempts)
	require.Zero(s, at.Open)
	return h
}

// standing returns the states in which recipients stand.
func standing(at client.Campaign) map[string]int {
	states := maps.Clone(at.States)
	maps.DeleteFunc(states, func(_ string, n int) bool { return n == 0 })
	return states
}

// callsTo returns how often each recipient was called.
func (s *scene) callsTo() []int {
	counts := make([]int, s.n)
	for _, c := range s.calls() {
		for i := range counts {
			if c.Number == number(i) {
				counts[i]++
			}
		}
	}
	return counts
}

// mostInSecond returns the most INVITEs in any closed second at the callee, by kernel receive times; what comes within the
// tolerance of its end counts as outside.
func mostInSecond(invites []siptest.Invite, tolerance time.Duration) int {
	most, first := 0, 0
	for i, inv := range invites {
		for inv.At.Sub(invites[first].At) > time.Second-tolerance {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// mostAtOnce returns the most calls that were on the line at the same time, by kernel receive times.
func mostAtOnce(calls []siptest.Call) int {
	most := 0
	for _, c := range calls {
		n := 0
		for _, other := range calls {
			end := other.ByeAt
			if end.IsZero() {
				end = other.AckAt // of a refusal
			}
			if !other.InviteAt.After(c.InviteAt) && (end.IsZero() || end.After(c.InviteAt)) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// sortInvites puts INVITEs of several farms into one order.
func sortInvites(invites []siptest.Invite) {
	slices.SortStableFunc(invites, func(a, b siptest.Invite) int { return a.At.Compare(b.At) })
}
