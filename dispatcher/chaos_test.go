package dispatcher

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// paper is a queue without Redis, so that simulated time can pass: one campaign of n recipients who are claimed once. Its
// intents are blank, for only the real queue makes valid ones.
type paper struct {
	Jobs
	mu      sync.Mutex
	next, n int
	dials   int
	legs    int
	settled []avanak.Report
}

func (q *paper) Active(context.Context) ([]string, error) { return []string{"c1"}, nil }
func (q *paper) Campaign(context.Context, string) (avanak.Campaign, avanak.Progress, error) {
	return avanak.Campaign{ID: "c1", Window: avanak.Window{To: 1440}}, avanak.Progress{}, nil
}

func (q *paper) Claim(_ context.Context, _ avanak.Campaign, want int) (claims []queue.Claim, _ error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; want > 0 && q.next < q.n; want-- {
		q.next++
		claims = append(claims, queue.Claim{Lane: avanak.Bulk, Job: "c1", Ordinal: uint32(q.next), Number: number(q.next % 1000)})
	}
	return claims, nil
}

func (q *paper) Dial(context.Context, queue.Claim) (queue.Intent, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dials++
	return queue.Intent{}, nil
}

func (q *paper) Leg(context.Context, queue.Intent) (queue.Intent, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.legs++
	return queue.Intent{}, nil
}

func (q *paper) Settle(_ context.Context, _ queue.Intent, r avanak.Report, _ time.Time) (queue.Settled, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settled = append(q.settled, r)
	return queue.SettledFinal, nil
}

func (q *paper) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n - len(q.settled)
}

func (q *paper) Waiting(context.Context) ([]int, error)                         { return nil, nil }
func (q *paper) Release(context.Context, ...queue.Claim) error                  { return nil }
func (q *paper) Skip(context.Context, queue.Claim, avanak.Outcome) error        { return nil }
func (q *paper) Extend(context.Context, []queue.Held) ([]queue.Held, error)     { return nil, nil }
func (q *paper) Promote(context.Context, string) (int, error)                   { return 0, nil }
func (q *paper) OpenWindow(context.Context, string, time.Time, time.Time) error { return nil }
func (q *paper) TrimEvents(context.Context, time.Duration) error                { return nil }
func (q *paper) Reap(context.Context, []avanak.Campaign) (queue.Reaped, error) {
	return queue.Reaped{}, nil
}
func (q *paper) Wakes(ctx context.Context, _ func(int)) error {
	<-ctx.Done()
	return nil
}

// switchboard is a far end that ends each leg by chance, and writes down when INVITEs left and how many legs were up.
type switchboard struct {
	mu   sync.Mutex
	rng  *rand.Rand
	left map[string][]time.Time // by trunk
	live map[string]int
	most map[string]int
	legs int
	mood avanak.Class // what most calls end with
}

func (s *switchboard) Place(ctx context.Context, _ queue.Intent, via avanak.Route, gate func(context.Context) error) avanak.Report {
	s.mu.Lock()
	s.live[via.Trunk]++
	s.most[via.Trunk] = max(s.most[via.Trunk], s.live[via.Trunk])
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.live[via.Trunk]--
		s.mu.Unlock()
	}()
	if gate(ctx) != nil {
		return avanak.Report{Class: avanak.ClassUs, Dead: true, Result: avanak.Result{Outcome: avanak.Congestion}}
	}
	s.mu.Lock()
	now := time.Now()
	s.left[via.Trunk] = append(s.left[via.Trunk], now)
	s.legs++
	class, wait := s.mood, time.Duration(s.rng.IntN(3000))*time.Millisecond
	if s.rng.IntN(3) == 0 {
		class = avanak.Classes()[s.rng.IntN(len(avanak.Classes()))]
	}
	asks := time.Duration(0)
	if s.rng.IntN(20) == 0 {
		asks = time.Duration(s.rng.IntN(5)) * time.Second
	}
	challenged := s.rng.IntN(4) == 0
	s.mu.Unlock()
	if challenged && gate(ctx) == nil { // the INVITE with the digest counts as well
		s.mu.Lock()
		s.left[via.Trunk] = append(s.left[via.Trunk], time.Now())
		s.mu.Unlock()
	}
	sleep(ctx, wait)
	outcome := map[avanak.Class]avanak.Outcome{avanak.ClassAnswered: avanak.Completed, avanak.ClassAway: avanak.Busy,
		avanak.ClassRefused: avanak.Rejected, avanak.ClassUnwanted: avanak.Unwanted, avanak.ClassNumber: avanak.InvalidNumber,
		avanak.ClassCongestion: avanak.Congestion, avanak.ClassSilent: avanak.Uncertain, avanak.ClassFault: avanak.TrunkFault,
		avanak.ClassUs: avanak.Aborted}[class]
	return avanak.Report{Class: class, Dead: class == avanak.ClassCongestion || class == avanak.ClassFault, RetryAfter: asks,
		Target: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(5060+len(via.Tried))).String(),
		Result: avanak.Result{Outcome: outcome}, Timeline: avanak.Timeline{Invited: now, Ended: time.Now()}}
}

func (s *switchboard) turn(mood avanak.Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood = mood
}

// TestLimitsHoldWhateverTheTrunksDo runs a whole dispatcher in simulated time against trunks that answer, refuse, fall
// silent and go down by chance: channels are never exceeded and all come back, no closed second has more INVITEs than the
// carrier permits, digest retries and legs counted (DESIGN I8), each attempt is settled once, each further leg is recorded.
func TestLimitsHoldWhateverTheTrunksDo(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // repeatable on purpose
			jobs := &paper{n: 1500}
			board := &switchboard{rng: rand.New(rand.NewPCG(seed, 8)), left: map[string][]time.Time{}, live: map[string]int{}, most: map[string]int{},
				mood: avanak.ClassAway}
			lines := []avanak.Trunk{{Name: "a", CPS: 20, Channels: 30}, {Name: "b", CPS: 7.5, Channels: 5}, {Name: "c", CPS: 1, Channels: 2}}
			cfg := DefaultConfig()
			cfg.Drain = 5 * time.Second
			d, err := New(cfg, lines, jobs, &list{suppressed: map[avanak.Number]bool{}}, board, nil, slog.New(slog.DiscardHandler),
				prometheus.NewRegistry())
			require.NoError(t, err)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- d.Run(ctx) }()
			for turns := 0; jobs.left() > 0 && turns < 60; turns++ {
				time.Sleep(10 * time.Second)
				moods := []avanak.Class{avanak.ClassAway, avanak.ClassAway, avanak.ClassAnswered, avanak.ClassCongestion, avanak.ClassSilent, avanak.ClassFault}
				board.turn(moods[rng.IntN(len(moods))])
				h := avanak.Health{Trunk: lines[rng.IntN(len(lines))].Name, At: time.Now(), Usable: rng.IntN(3) > 0}
				for port := range rng.IntN(4) {
					h.Targets = append(h.Targets, avanak.TargetHealth{Up: rng.IntN(3) > 0,
						Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(5060+port))})
				}
				d.Heed(h)
			}
			stop()
			require.NoError(t, <-ended)
			requireIdle(t, d)
			require.Len(t, jobs.settled, jobs.dials, "one settlement for each intent")
			require.Greater(t, jobs.legs, 20, "fail-over was in play")
			legs := 0
			for _, r := range jobs.settled {
				require.LessOrEqual(t, r.Legs, avanak.MaxLegs)
				legs += r.Legs
			}
			require.Equal(t, board.legs, legs, "each dialog belongs to one attempt")
			require.LessOrEqual(t, board.legs, jobs.dials+jobs.legs, "each dialog has a record")
			for _, line := range lines {
				require.LessOrEqual(t, board.most[line.Name], line.Channels, line.Name)
				require.LessOrEqual(t, densest(board.left[line.Name]), max(1, int(line.CPS)), line.Name)
			}
			t.Logf("seed %d: %d attempts, %d legs recorded, %d dialogs", seed, jobs.dials, jobs.legs, board.legs)
		})
	}
}

// densest returns the most instants in any closed second.
func densest(at []time.Time) int {
	slices.SortFunc(at, time.Time.Compare)
	most, first := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) > time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// An attempt whose other trunk is full waits for a channel, but not for ever, and leaves nothing behind.
func TestWaitForALegIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		freed time.Duration // when the other trunk's channel is free again
		want  int           // legs
	}{"in time": {legWait / 2, 2}, "too late": {2 * legWait, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, err := New(DefaultConfig(), []avanak.Trunk{{Name: "a", CPS: 10, Channels: 1}, {Name: "b", CPS: 10, Channels: 1}}, &paper{},
					&list{suppressed: map[avanak.Number]bool{}}, nil, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
				require.NoError(t, err)
				jobs := &paper{}
				d.jobs = jobs
				d.caller = placer(func(via avanak.Route) avanak.Report {
					if via.Trunk == "a" {
						return dead(avanak.ClassCongestion, "127.0.0.1:5060")
					}
					return heardOut("127.0.0.1:5061")
				})
				b := &bench{planner: d.plan, t: t}
				now := time.Now()
				other := b.take(now, d.trunks[1])
				time.AfterFunc(tt.freed, func() { b.freed(other, avanak.Report{}) })
				c := queue.Claim{Lane: avanak.Bulk, Job: "c1", Number: number(1)}
				d.held.add(c.Held())
				g, over := b.take(now, d.trunks[0]), make(chan time.Duration, 1)
				go func() {
					d.attempt(t.Context(), g, c)
					over <- time.Since(now)
				}()
				b.serve(3*legWait, nil)
				require.LessOrEqual(t, <-over, legWait+time.Second)
				require.Len(t, jobs.settled, 1)
				require.Equal(t, tt.want, jobs.settled[0].Legs)
				require.Equal(t, map[int]string{1: "a", 2: "b"}[tt.want], jobs.settled[0].Trunk)
				b.read(time.Now())
				requireIdle(t, d)
			})
		})
	}
}

// placer is a far end that asks the gate and says how each leg ends, at once.
type placer func(via avanak.Route) avanak.Report

func (p placer) Place(ctx context.Context, _ queue.Intent, via avanak.Route, gate func(context.Context) error) avanak.Report {
	if err := gate(ctx); err != nil {
		return avanak.Report{Class: avanak.ClassUs, Result: avanak.Result{Outcome: avanak.Congestion}}
	}
	return p(via)
}

// What is granted in the instant in which nobody waits any more goes back.
func TestPermitThatNobodyWaitsForGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 10, Channels: 1})
		ctx, cancel := context.WithCancel(t.Context())
		refused := make(chan bool)
		go func() {
			_, ok := b.further(ctx, queue.Claim{}, anyTrunk)
			refused <- !ok
		}()
		synctest.Wait()
		cancel()
		require.True(t, <-refused)
		// The planner reads the request, grants it, and only then learns that it was withdrawn.
		b.mu.Lock()
		asked, withdrawn := b.inbox[0], b.inbox[1]
		b.inbox = nil
		b.mu.Unlock()
		now := time.Now()
		asked(now)
		require.Len(t, b.legs, 1)
		b.step(now, nil)
		require.Equal(t, 1, b.d.trunks[0].inUse)
		withdrawn(now)
		requireIdle(t, b.d)
		asked(now)
		withdrawn(now)
		requireIdle(t, b.d)
	})
}
