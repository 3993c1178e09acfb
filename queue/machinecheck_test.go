package queue

import (
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avanak/avanak"
)

// check compares what readers see with the model, and holds the invariants of every instant.
func (m *machine) check(rt *rapid.T) {
	p, rows, events := m.progress(m.c), m.results(m.c), m.events(m.c.ID)
	require.Equal(rt, m.model.run, p.Run)
	require.Equal(rt, m.model.states(), p.States)
	require.Len(rt, rows, len(m.model.recipients))
	attempts, leases := 0, 0
	for i, r := range m.model.recipients {
		require.Equal(rt, m.model.shown(r), rows[i].State, "ordinal %d", i)
		require.Equal(rt, r.attempts, rows[i].Attempts, "ordinal %d", i)
		require.Equal(rt, r.uncertain, rows[i].Result.Outcome == avanak.Uncertain, "ordinal %d", i)
		attempts += r.attempts
		if r.lease.token != 0 {
			leases++
		}
	}
	require.Equal(rt, []int{attempts, m.model.answered, leases, m.model.rejected},
		[]int{p.Attempts, p.Answered, p.InFlight, p.Rejected})
	auditRows(rt, p, rows)
	auditEvents(rt, events)
	auditRuns(rt, events)
}

// auditRuns holds DESIGN I6: between a pause or a cancel and the next start there is no intent and no leg. Both are written by
// scripts to one stream, so its order is the truth.
func auditRuns(t tester, events []avanak.Event) {
	t.Helper()
	run := avanak.Loading
	for _, e := range events {
		switch e.Kind {
		case avanak.EventRun:
			run = e.Run
		case avanak.EventIntent, avanak.EventLeg:
			require.Equal(t, avanak.Running, run, "%s while %s", e.Kind, run)
		case avanak.EventClosed, avanak.EventLate, avanak.EventSkipped:
		}
	}
}

// finish drives the campaign to its rest: leases run out, retries fall due, and who is called picks up.
func (m *machine) finish(rt *rapid.T) {
	if m.model.run == avanak.Loading {
		m.add(rt, 1)
	}
	m.openWindow(rt, true)
	if m.model.run == avanak.Loading || m.model.run == avanak.Paused {
		m.move(rt, avanak.Running)
	}
	for {
		m.wait(max(m.cfg.ClaimTTL, m.cfg.DialTTL))
		m.reap(rt)
		m.wait(testRing + time.Second)
		m.promote(rt)
		if m.model.run != avanak.Running {
			break
		}
		claims := m.claimSome(rt, m.fixture, maxClaim)
		require.NotEmpty(rt, claims, "a running campaign with nobody to call, nobody in flight and nothing due")
		for _, c := range claims {
			m.dialOne(rt, m.fixture, c)
			m.settleOne(rt, m.intents[len(m.intents)-1], avanak.Completed, 0)
		}
		m.check(rt)
	}
	m.check(rt)
	p, sum := m.progress(m.c), 0
	require.Contains(rt, []avanak.Run{avanak.Done, avanak.CancelledRun}, p.Run)
	require.Zero(rt, p.Open())
	for _, n := range p.States {
		sum += n
	}
	require.Equal(rt, p.Recipients, sum, "nobody is lost")
	require.False(rt, p.Finished.IsZero())
	k := keysOf(m.c.ID)
	left, err := m.rdb.Exists(rt.Context(), k.deadlines(), k.leases()).Result()
	require.NoError(rt, err)
	require.Zero(rt, left, "leases at rest")
	active, err := m.Active(rt.Context())
	require.NoError(rt, err)
	require.Empty(rt, active)
}
