package queue

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

// TestQueueAgreesWithTheModel plays random moves of two nodes on a campaign and on its model: what they answer, and what
// readers see after each move, must agree. At the end all that is open is driven to its rest.
func TestQueueAgreesWithTheModel(t *testing.T) {
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		rapid.Check(t, func(rt *rapid.T) {
			require.NoError(rt, rdb.FlushAll(rt.Context()).Err())
			m := newMachine(rt, rdb)
			rt.Repeat(map[string]func(*rapid.T){
				"load": m.load, "break upload off": m.upload, "run": m.setRun, "window": m.setWindow,
				"claim": m.claim, "claim more": m.claim, "dial": m.dial, "dial more": m.dial,
				"settle": m.settle, "settle more": m.settle, "leg": m.leg, "skip": m.skip, "release": m.release, "extend": m.extend,
				"advance": m.advance, "reap": m.reap, "promote": m.promote, "fall silent": m.silence, "promote later": m.later,
				"call": m.call, "call through": func(rt *rapid.T) { m.call(rt); m.settle(rt) },
				"": m.check,
			})
			m.finish(rt)
		})
	})
}

// machine is a campaign in Redis beside its model, and what two nodes know of it, lost leases included.
type machine struct {
	*fixture
	nodes   []*fixture
	c       avanak.Campaign
	model   model
	claims  []Claim
	intents []Intent
	uploads int
}

func newMachine(rt *rapid.T, rdb redis.UniversalClient) *machine {
	f := newFixture(rt, rdb)
	m := &machine{fixture: f, nodes: []*fixture{f, f.as("other")}, c: spec(f.now)}
	m.c.Retry.MaxAttempts = rapid.IntRange(0, 3).Draw(rt, "max_attempts")
	m.c.Retry.CongestionTries = rapid.IntRange(0, 3).Draw(rt, "congestion_tries")
	if rapid.Bool().Draw(rt, "redial") {
		m.c.OnUncertain = avanak.Redial
	}
	_, err := f.CreateCampaign(rt.Context(), m.c, "fp")
	require.NoError(rt, err)
	m.model = model{run: avanak.Loading, retry: m.c.Retry, redial: m.c.OnUncertain == avanak.Redial, now: f.now}
	if rapid.IntRange(0, 9).Draw(rt, "begin") > 0 { // most of the time, skip to where it is interesting
		m.add(rt, rapid.IntRange(1, 8).Draw(rt, "recipients"))
		m.openWindow(rt, true)
		m.move(rt, avanak.Running)
	}
	return m
}

func (m *machine) node(rt *rapid.T) *fixture { return rapid.SampledFrom(m.nodes).Draw(rt, "node") }

// begin starts an upload and tells whether it may go on.
func (m *machine) begin(rt *rapid.T) *Load {
	m.uploads++
	l, err := m.BeginLoad(rt.Context(), m.c.ID, "upload"+strconv.Itoa(m.uploads))
	if m.model.run != avanak.Loading {
		require.ErrorIs(rt, err, avanak.ErrConflict)
		return nil
	}
	require.NoError(rt, err)
	require.Equal(rt, len(m.model.recipients), l.Committed())
	m.model.uploading = true
	return l
}

func (m *machine) add(rt *rapid.T, n int) {
	l := m.begin(rt)
	if l == nil {
		return
	}
	states := rapid.SliceOfN(rapid.SampledFrom([]avanak.State{avanak.Pending, avanak.Pending, avanak.Pending,
		avanak.IsSuppressed}), n, n).Draw(rt, "states")
	rejected := rapid.IntRange(0, 2).Draw(rt, "rejected")
	require.NoError(rt, l.Append(rt.Context(), numbers(len(m.model.recipients), n), states))
	require.NoError(rt, l.Commit(rt.Context(), rejected))
	require.NoError(rt, l.Commit(rt.Context(), rejected), "a repeated commit is no harm")
	for _, s := range states {
		m.model.recipients = append(m.model.recipients, modelRecipient{state: s})
	}
	m.model.uploading, m.model.rejected = false, m.model.rejected+rejected
}

func (m *machine) load(rt *rapid.T) { m.add(rt, rapid.IntRange(0, 5).Draw(rt, "recipients")) }

func (m *machine) upload(rt *rapid.T) {
	if l := m.begin(rt); l != nil {
		require.NoError(rt, l.Append(rt.Context(), numbers(100, 2), make([]avanak.State, 2)))
	}
}

func (m *machine) move(rt *rapid.T, to avanak.Run) {
	legal := m.model.setRun(to)
	got, err := m.SetRun(rt.Context(), m.c, "", to)
	if !legal {
		require.ErrorIs(rt, err, avanak.ErrConflict)
		return
	}
	require.NoError(rt, err)
	require.Equal(rt, m.model.run, got)
}

func (m *machine) setRun(rt *rapid.T) {
	m.move(rt, rapid.SampledFrom([]avanak.Run{avanak.Running, avanak.Running, avanak.Running, avanak.Paused,
		avanak.CancelledRun}).Draw(rt, "to"))
}

func (m *machine) openWindow(rt *rapid.T, open bool) {
	until := m.now
	if open {
		until = m.now.Add(24 * time.Hour)
	}
	require.NoError(rt, m.OpenWindow(rt.Context(), m.c.ID, m.now, until))
	m.model.open = open
}

func (m *machine) setWindow(rt *rapid.T) { m.openWindow(rt, rapid.IntRange(0, 3).Draw(rt, "open") > 0) }

func (m *machine) claim(rt *rapid.T) {
	m.claimSome(rt, m.node(rt), rapid.IntRange(0, 4).Draw(rt, "want"))
}

func (m *machine) claimSome(rt *rapid.T, by *fixture, want int) []Claim {
	claims, err := by.Claim(rt.Context(), m.c, want)
	if refusal := m.model.refusal(); refusal != nil {
		require.ErrorIs(rt, err, refusal)
		return nil
	}
	require.NoError(rt, err)
	touched, untouched := m.model.claimable()
	require.Len(rt, claims, min(want, len(touched)+len(untouched)))
	all := numbers(0, len(m.model.recipients))
	for i, c := range claims {
		r := m.model.recipients[c.Ordinal]
		if i < len(touched) {
			require.Contains(rt, touched, int(c.Ordinal), "who was touched is served first")
		} else {
			require.EqualValues(rt, untouched[i-len(touched)], c.Ordinal, "the cursor goes in order")
		}
		require.Greater(rt, c.Token, m.model.tokens, "tokens only grow")
		require.Equal(rt, []int{r.attempts, m.model.charged(r)}, []int{c.Attempts, c.Charged})
		if m.uploads == 1 {
			require.Equal(rt, all[c.Ordinal], c.Number)
		}
		m.model.claim(int(c.Ordinal), c.Token, m.cfg.ClaimTTL)
	}
	m.claims = append(m.claims, claims...)
	return claims
}

func (m *machine) dial(rt *rapid.T) {
	if c, ok := some(rt, m.claims); ok {
		m.dialOne(rt, m.node(rt), c)
	}
}

func (m *machine) dialOne(rt *rapid.T, by *fixture, c Claim) {
	attempt, uncertain, want := m.model.dial(c, m.cfg.DialTTL)
	i, err := by.Dial(rt.Context(), c)
	require.ErrorIs(rt, err, want)
	if want == nil {
		require.Equal(rt, Intent{claim: c, attempt: attempt, afterUncertain: uncertain, leg: 1}, i)
		m.intents = append(m.intents, i)
	}
}

// leg goes on from any intent that a node knows of, stale ones and those that are settled included.
func (m *machine) leg(rt *rapid.T) {
	i, ok := some(rt, m.intents)
	if !ok {
		return
	}
	want := m.model.leg(i, m.cfg.DialTTL)
	next, err := m.node(rt).Leg(rt.Context(), i)
	require.ErrorIs(rt, err, want)
	if want == nil {
		i.leg++
		require.Equal(rt, i, next)
		m.intents = append(m.intents, next)
	}
}

// call goes from the claim to the intent without another move between.
func (m *machine) call(rt *rapid.T) {
	by := m.node(rt)
	for _, c := range m.claimSome(rt, by, 1) {
		m.dialOne(rt, by, c)
	}
}

func (m *machine) settle(rt *rapid.T) {
	i, ok := some(rt, m.intents)
	if !ok {
		return
	}
	o := rapid.SampledFrom([]avanak.Outcome{avanak.Completed, avanak.Partial, avanak.Busy, avanak.Congestion,
		avanak.Congestion, avanak.Uncertain, avanak.Aborted}).Draw(rt, "outcome")
	var wait time.Duration
	if o != avanak.Uncertain && rapid.Bool().Draw(rt, "retry") { // no policy retries what is uncertain
		wait = time.Duration(rapid.IntRange(1, 5000).Draw(rt, "wait")) * time.Millisecond
	}
	m.settleOne(rt, i, o, wait)
}

func (m *machine) settleOne(rt *rapid.T, i Intent, o avanak.Outcome, wait time.Duration) {
	var at time.Time
	if wait > 0 {
		at = m.now.Add(wait)
	}
	want, wantErr := m.model.settle(i, o, wait)
	got, err := m.Settle(rt.Context(), i, avanak.Report{Result: avanak.Result{Outcome: o}}, at)
	require.ErrorIs(rt, err, wantErr)
	require.Equal(rt, want.String(), got.String())
}

func (m *machine) skip(rt *rapid.T) {
	if c, ok := some(rt, m.claims); ok {
		o := rapid.SampledFrom([]avanak.Outcome{avanak.Suppressed, avanak.Expired}).Draw(rt, "outcome")
		err := m.Skip(rt.Context(), c, o)
		if m.model.skip(c, o) {
			require.NoError(rt, err)
		} else {
			require.ErrorIs(rt, err, ErrFenced)
		}
	}
}

func (m *machine) release(rt *rapid.T) {
	if c, ok := some(rt, m.claims); ok {
		require.NoError(rt, m.Release(rt.Context(), c))
		m.model.release(c)
	}
}

func (m *machine) extend(rt *rapid.T) {
	var held, lost []Held
	for range rapid.IntRange(1, 3).Draw(rt, "leases") {
		c, ok := some(rt, m.claims)
		if ok && !slices.Contains(held, c.Held()) {
			held = append(held, c.Held())
			if !m.model.extend(c.Held(), m.cfg.DialTTL) {
				lost = append(lost, c.Held())
			}
		}
	}
	got, err := m.Extend(rt.Context(), held)
	require.NoError(rt, err)
	require.ElementsMatch(rt, lost, got)
}

func (m *machine) advance(rt *rapid.T) {
	m.wait(time.Duration(rapid.IntRange(1, 12_000).Draw(rt, "ms")) * time.Millisecond)
}

func (m *machine) wait(d time.Duration) {
	for _, n := range m.nodes {
		n.advance(d)
	}
	m.model.now = m.now
}

func (m *machine) reap(rt *rapid.T) {
	got, err := m.node(rt).Reap(rt.Context(), []avanak.Campaign{m.c})
	require.NoError(rt, err)
	require.Equal(rt, m.model.reap(), got)
}

// silence is a node that is gone until its leases are over.
func (m *machine) silence(rt *rapid.T) {
	m.wait(max(m.cfg.ClaimTTL, m.cfg.DialTTL))
	m.reap(rt)
}

// later is when all retries have fallen due.
func (m *machine) later(rt *rapid.T) {
	m.wait(7 * time.Second)
	m.promote(rt)
}

func (m *machine) promote(rt *rapid.T) {
	n, err := m.Promote(rt.Context(), m.c.ID)
	require.NoError(rt, err)
	require.Equal(rt, m.model.promote(), n)
}

// some draws an element; the latest are the likeliest to be alive.
func some[E any](rt *rapid.T, all []E) (e E, ok bool) {
	if len(all) == 0 {
		return e, false
	}
	back := rapid.IntRange(0, len(all)-1).Draw(rt, "back")
	return all[len(all)-1-back], true
}
