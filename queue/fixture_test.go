package queue

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/redistest"
)

// tester is what a fixture asks of a test: *testing.T and *rapid.T are testers.
type tester interface {
	require.TestingT
	Helper()
	Context() context.Context
}

// fixture is a queue on an empty store, whose scripts' clock the test moves.
type fixture struct {
	*Queue
	t   tester
	now time.Time
}

// both runs a conformance test on redis-server and on miniredis.
func both(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient) {
		test(t, newFixture(t, rdb))
	})
}

func newFixture(t tester, rdb redis.UniversalClient) *fixture {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Redial = 0 // a redial waits for the ring limit alone
	q, err := New(cfg, rdb)
	require.NoError(t, err)
	require.NoError(t, q.Prepare(t.Context()))
	f := &fixture{Queue: q, t: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	f.advance(0)
	return f
}

// advance moves the scripts' clock.
func (f *fixture) advance(d time.Duration) {
	f.now = f.now.Add(d)
	f.clock = strconv.FormatInt(f.now.UnixMilli(), 10)
}

// as is the same queue as another node sees it.
func (f *fixture) as(node string) *fixture {
	cfg := f.cfg
	cfg.Node = node
	q, err := New(cfg, f.rdb)
	require.NoError(f.t, err)
	q.clock = f.clock
	return &fixture{Queue: q, t: f.t, now: f.now}
}

// testRing is the ring limit of every campaign and message here.
const testRing = 5 * time.Second

func spec(now time.Time) avanak.Campaign {
	return avanak.Campaign{ID: avanak.NewID(avanak.CampaignPrefix, now), Tenant: "acme", Name: "test",
		Clip: avanak.NewID(avanak.ClipPrefix, now), Window: avanak.Window{To: 1440}, Ring: testRing,
		Retry:       avanak.RetryPolicy{MaxAttempts: 2, Busy: 10 * time.Second, Congestion: time.Second, CongestionTries: 2},
		OnUncertain: avanak.Hold, Created: now}
}

func numbers(from, n int) []avanak.Number {
	all := make([]avanak.Number, n)
	for i := range all {
		all[i] = avanak.Number(98_912_000_0000 + from + i)
	}
	return all
}

// campaign makes a running campaign of n recipients with an open window.
func (f *fixture) campaign(n int, change func(*avanak.Campaign)) avanak.Campaign {
	f.t.Helper()
	c := spec(f.now)
	if change != nil {
		change(&c)
	}
	ctx := f.t.Context()
	created, err := f.CreateCampaign(ctx, c, "fp")
	require.NoError(f.t, err)
	require.True(f.t, created)
	f.load(c, numbers(1, n), make([]avanak.State, n), 0)
	require.NoError(f.t, f.OpenWindow(ctx, c.ID, f.now.Add(-time.Hour), f.now.Add(24*time.Hour)))
	run, err := f.SetRun(ctx, c, "", avanak.Running)
	require.NoError(f.t, err)
	require.Equal(f.t, avanak.Running, run)
	return c
}

func (f *fixture) load(c avanak.Campaign, n []avanak.Number, states []avanak.State, rejected int) {
	f.t.Helper()
	l, err := f.BeginLoad(f.t.Context(), c.ID, avanak.NewID("load", time.Now()))
	require.NoError(f.t, err)
	require.NoError(f.t, l.Append(f.t.Context(), n, states))
	require.NoError(f.t, l.Commit(f.t.Context(), rejected))
}

func (f *fixture) claim(c avanak.Campaign, want int) []Claim {
	f.t.Helper()
	claims, err := f.Claim(f.t.Context(), c, want)
	require.NoError(f.t, err)
	return claims
}

func (f *fixture) dial(c Claim) Intent {
	f.t.Helper()
	i, err := f.Dial(f.t.Context(), c)
	require.NoError(f.t, err)
	require.True(f.t, i.Valid())
	return i
}

func (f *fixture) leg(i Intent) Intent {
	f.t.Helper()
	next, err := f.Leg(f.t.Context(), i)
	require.NoError(f.t, err)
	require.True(f.t, next.Valid())
	return next
}

// settle closes an attempt as the dispatcher would, by the campaign's policy.
func (f *fixture) settle(i Intent, o avanak.Outcome) Settled {
	f.t.Helper()
	s, err := f.trySettle(i, o)
	require.NoError(f.t, err)
	return s
}

func (f *fixture) trySettle(i Intent, o avanak.Outcome) (Settled, error) {
	charged := i.Claim().Charged
	if o.Charged() {
		charged++
	}
	var at time.Time
	if wait, again := i.Claim().Order.Retry.Next(o, i.Attempt(), charged); again {
		at = f.now.Add(wait)
	}
	return f.Settle(f.t.Context(), i, avanak.Report{Trunk: "t1", Result: avanak.Result{Outcome: o, SIP: 200,
		Started: f.now, Ring: 1500 * time.Millisecond, Talk: 6 * time.Second, Played: 5900 * time.Millisecond}}, at)
}

func (f *fixture) progress(c avanak.Campaign) avanak.Progress {
	f.t.Helper()
	_, p, err := f.Campaign(f.t.Context(), c.ID)
	require.NoError(f.t, err)
	return p
}

func (f *fixture) results(c avanak.Campaign) []avanak.Recipient {
	f.t.Helper()
	var all []avanak.Recipient
	for r, err := range f.Results(f.t.Context(), c.ID, 0) {
		require.NoError(f.t, err)
		all = append(all, r)
	}
	return all
}

func (f *fixture) events(job string) []avanak.Event {
	f.t.Helper()
	all, err := f.Events(f.t.Context(), avanak.PartitionOf(job), "", 10000)
	require.NoError(f.t, err)
	var of []avanak.Event
	for _, e := range all {
		if e.Job == job {
			of = append(of, e)
		}
	}
	return of
}

// audit holds the invariants that must be true at every instant: counters equal bytes and sum to N; each intent has
// one close; attempts of a recipient never overlap; legs of an attempt come one by one.
func (f *fixture) audit(c avanak.Campaign) {
	f.t.Helper()
	auditRows(f.t, f.progress(c), f.results(c))
	auditEvents(f.t, f.events(c.ID))
}

func auditRows(t tester, p avanak.Progress, rows []avanak.Recipient) {
	t.Helper()
	require.Len(t, rows, p.Recipients)
	var counted [avanak.States]int
	attempts := 0
	for _, r := range rows {
		counted[r.State]++
		attempts += r.Attempts
	}
	require.Equal(t, p.States, counted, "counters must equal the bytes")
	require.Equal(t, p.Attempts, attempts, "recorded attempts must equal those of the bytes")
}

func auditEvents(t tester, events []avanak.Event) {
	t.Helper()
	type attempt struct {
		ordinal uint32
		n       int
	}
	open, closed, late, last := map[attempt]bool{}, map[attempt]avanak.Outcome{}, map[attempt]bool{}, map[uint32]int{}
	legs := map[attempt]int{}
	for _, e := range events {
		a := attempt{e.Ordinal, e.Attempt}
		switch e.Kind {
		case avanak.EventIntent:
			require.Equal(t, avanak.CallID(e.Job, e.Ordinal, e.Attempt), e.CallID)
			require.Equal(t, last[e.Ordinal]+1, e.Attempt, "attempts grow by one")
			for other := range open {
				require.NotEqual(t, e.Ordinal, other.ordinal, "attempts of one recipient must not overlap")
			}
			open[a], last[e.Ordinal], legs[a] = true, e.Attempt, 1
		case avanak.EventLeg:
			require.True(t, open[a], "a leg of an attempt that is not open")
			legs[a]++
			require.Equal(t, legs[a], e.Legs, "legs grow by one")
			require.LessOrEqual(t, e.Legs, avanak.MaxLegs)
			require.Equal(t, avanak.LegCallID(e.Job, e.Ordinal, e.Attempt, e.Legs), e.CallID)
		case avanak.EventClosed:
			require.True(t, open[a], "close without an intent")
			delete(open, a)
			closed[a] = e.Outcome
		case avanak.EventLate:
			require.Equal(t, avanak.Uncertain, closed[a], "late corrects an uncertain close")
			require.False(t, late[a], "at most one late")
			late[a] = true
		case avanak.EventSkipped, avanak.EventRun:
		}
	}
}

func (f *fixture) reap(campaigns ...avanak.Campaign) Reaped {
	f.t.Helper()
	r, err := f.Reap(context.WithoutCancel(f.t.Context()), campaigns)
	require.NoError(f.t, err)
	return r
}

// ringOut lets the time pass in which the phone of a lost attempt may still ring, and makes due redials ready.
func (f *fixture) ringOut(campaigns ...avanak.Campaign) {
	f.t.Helper()
	f.advance(testRing + time.Second) // buckets are whole seconds
	for _, c := range campaigns {
		f.promote(c)
	}
}

func (f *fixture) promote(c avanak.Campaign) int {
	f.t.Helper()
	n, err := f.Promote(f.t.Context(), c.ID)
	require.NoError(f.t, err)
	return n
}
