package dispatcher

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// bench is a planner without lanes behind it: tests put claims in, step it, and see what starts.
type bench struct {
	*planner
	t       *testing.T
	started []start
}

type start struct {
	at     time.Time
	trunk  string
	claim  queue.Claim
	permit permit
}

func newBench(t *testing.T, trunks ...avanak.Trunk) *bench {
	t.Helper()
	d, err := New(DefaultConfig(), trunks, nil, nil, nil, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	return &bench{planner: d.plan, t: t}
}

// feed adds a campaign with n claims.
func (b *bench) feed(id string, n int, sandbox bool) {
	f := &feed{campaign: avanak.Campaign{ID: id, Sandbox: sandbox}}
	for i := range n {
		f.claims = append(f.claims, queue.Claim{Lane: avanak.Bulk, Job: id, Ordinal: uint32(i), Order: queue.Order{Sandbox: sandbox}})
	}
	b.feeds[id] = f
	b.order = append(b.order, id)
}

// run steps the planner for d of simulated time, sleeping as it asks to.
func (b *bench) run(d time.Duration) {
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		wait := b.step(time.Now(), func(g permit, c queue.Claim) {
			b.started = append(b.started, start{time.Now(), g.trunk.Name, c, g})
		})
		time.Sleep(min(max(wait, time.Microsecond), time.Until(end)))
	}
}

func TestPlannerPacesSmoothly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 20, Channels: 1000})
		b.feed("c1", 1000, false)
		b.run(10 * time.Second)
		require.InDelta(t, 190, len(b.started), 2, "95 % of 20 a second")
		interval := b.d.trunks[0].Interval()
		for i := 1; i < len(b.started); i++ {
			require.GreaterOrEqual(t, b.started[i].at.Sub(b.started[i-1].at), interval-time.Millisecond, "no burst")
		}
	})
}

func TestPlannerHoldsChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 100, Channels: 7})
		b.feed("c1", 100, false)
		b.run(5 * time.Second)
		require.Len(t, b.started, 7)
		b.freed(b.started[0].permit, avanak.Report{})
		b.read(time.Now())
		b.run(time.Second)
		require.Len(t, b.started, 8, "a freed channel is used once")
	})
}

func TestPlannerServesFastFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 10, Channels: 100})
		b.feed("c1", 100, false)
		b.run(time.Second)
		before := len(b.started)
		b.fast = append(b.fast, queue.Claim{Lane: avanak.Fast, Job: "m1"}, queue.Claim{Lane: avanak.Fast, Job: "m2"})
		b.run(time.Second)
		require.Equal(t, "m1", b.started[before].claim.Job)
		require.Equal(t, "m2", b.started[before+1].claim.Job)
		require.Equal(t, "c1", b.started[before+2].claim.Job)
	})
}

func TestPlannerServesLegsFirstWithinTheirLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 10, Channels: 100})
		b.feed("c1", 1, false)
		b.fast = append(b.fast, queue.Claim{Lane: avanak.Fast, Job: "m1"})
		leg := func(lane avanak.Lane) *request {
			return &request{claim: queue.Claim{Lane: lane}, may: anyTrunk, granted: make(chan permit, 1)}
		}
		bulk, fast := leg(avanak.Bulk), leg(avanak.Fast)
		b.legs = append(b.legs, bulk, fast)
		var order []string
		for range 4 {
			b.run(100 * time.Millisecond) // a token each
			order = append(order, fmt.Sprint(len(fast.granted), len(bulk.granted), len(b.started)))
		}
		require.Equal(t, []string{"1 0 0", "1 0 1", "1 1 1", "1 1 2"}, order)
		require.Equal(t, "m1", b.started[0].claim.Job)
		require.Equal(t, 4, b.d.trunks[0].inUse, "legs take channels and tokens as first calls do")
	})
}

func TestPlannerTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 50, Channels: 1000})
		b.feed("big", 1000, false)
		b.feed("small", 20, false)
		b.run(time.Second)
		small := 0
		for _, s := range b.started[:40] {
			if s.claim.Job == "small" {
				small++
			}
		}
		require.Equal(t, 20, small, "every second call is the small campaign's")
	})
}

func TestPlannerPassesABlockedHeadOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "real", CPS: 10, Channels: 1}, avanak.Trunk{Name: "box", CPS: 10, Channels: 100, Sandbox: true})
		b.feed("real", 10, false)
		b.feed("test", 10, true)
		b.fast = append(b.fast, queue.Claim{Lane: avanak.Fast, Job: "m1"}) // takes the only real channel
		b.run(3 * time.Second)
		by := map[string]int{}
		for _, s := range b.started {
			by[s.claim.Job+" by "+s.trunk]++
		}
		require.Equal(t, map[string]int{"m1 by real": 1, "test by box": 10}, by)
	})
}

func TestPlannerKeepsTestCallsOffRealTrunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "real", CPS: 10, Channels: 10})
		b.feed("test", 10, true)
		b.run(3 * time.Second)
		require.Empty(t, b.started)
		require.Zero(t, b.ahead(avanak.Campaign{Sandbox: true}), "and claims none of them")
		require.NotZero(t, b.ahead(avanak.Campaign{}))
	})
}

func TestPlannerRefusesWhenTheMachineIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 10, Channels: 10})
		busy := true
		b.d.overloaded = func() bool { return busy }
		b.feed("c1", 10, false)
		b.run(time.Second)
		require.Empty(t, b.started)
		busy = false
		b.run(time.Second)
		require.NotEmpty(t, b.started)
	})
}

func TestPlannerUsesAllTrunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 10, Channels: 100}, avanak.Trunk{Name: "b", CPS: 30, Channels: 100})
		b.feed("c1", 1000, false)
		b.run(5 * time.Second)
		by := map[string]int{}
		for _, s := range b.started {
			by[s.trunk]++
		}
		require.InDelta(t, 47, by["a"], 2)
		require.InDelta(t, 100, by["b"], 2, "until its channels are full")
	})
}

func TestNewRefuses(t *testing.T) {
	good := avanak.Trunk{Name: "a", CPS: 1, Channels: 1}
	for name, trunks := range map[string][]avanak.Trunk{
		"none": nil, "two of a name": {good, good}, "no name": {{CPS: 1, Channels: 1}}, "no pace": {{Name: "a", Channels: 1}},
		"no channels": {{Name: "a", CPS: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(DefaultConfig(), trunks, nil, nil, nil, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			require.ErrorIs(t, err, avanak.ErrInvalid)
		})
	}
	_, err := New(Config{}, []avanak.Trunk{good}, nil, nil, nil, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.ErrorIs(t, err, avanak.ErrInvalid)
}
