package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

// Feed is where campaigns and their claims come from.
type Feed interface {
	Active(ctx context.Context) ([]string, error)
	Campaign(ctx context.Context, id string) (avanak.Campaign, avanak.Progress, error)
	Claim(ctx context.Context, c avanak.Campaign, want int) ([]queue.Claim, error)
}

// FastLane is where fast messages come from.
type FastLane interface {
	Waiting(ctx context.Context) ([]int, error)
	ClaimFast(ctx context.Context, partition, want int) ([]queue.Claim, error)
	Wakes(ctx context.Context, woken func(partition int)) error
}

// Ledger is where an attempt's steps are recorded.
type Ledger interface {
	Dial(ctx context.Context, c queue.Claim) (queue.Intent, error)
	Leg(ctx context.Context, i queue.Intent) (queue.Intent, error)
	Settle(ctx context.Context, i queue.Intent, r avanak.Report, retryAt time.Time) (queue.Settled, error)
	Skip(ctx context.Context, c queue.Claim, o avanak.Outcome) error
	Release(ctx context.Context, claims ...queue.Claim) error
}

// Keeper is the upkeep that some node must do.
type Keeper interface {
	Extend(ctx context.Context, held []queue.Held) (lost []queue.Held, err error)
	Reap(ctx context.Context, campaigns []avanak.Campaign) (queue.Reaped, error)
	Promote(ctx context.Context, id string) (int, error)
	OpenWindow(ctx context.Context, id string, from, until time.Time) error
	TrimEvents(ctx context.Context, age time.Duration) error
}

// Jobs is the queue, by the roles that the dispatcher needs it in.
type Jobs interface {
	Feed
	FastLane
	Ledger
	Keeper
}

// Suppressions answers whether a number must not be called; an error means that nobody knows, and so: no call. It takes in
// the numbers of callees who say that they want no more calls.
type Suppressions interface {
	Has(ctx context.Context, n avanak.Number) (bool, error)
	Add(ctx context.Context, numbers ...avanak.Number) error
}

// Caller places one leg over a trunk and returns when it is over. gate is asked immediately before each INVITE; where
// it errs, that INVITE does not leave. Place must not return while a leg could still be answered that nobody owns.
type Caller interface {
	Place(ctx context.Context, i queue.Intent, via avanak.Route, gate func(context.Context) error) avanak.Report
}

// Dispatcher runs the lanes of one node.
type Dispatcher struct {
	cfg        Config
	jobs       Jobs
	suppressed Suppressions
	caller     Caller
	overloaded func() bool
	log        *slog.Logger
	metrics    *metrics

	fault  atomic.Pointer[time.Time] // when Redis last did not serve us
	trunks []*trunk
	held   *holdings
	known  sync.Map // campaign id → avanak.Campaign, of those that are active
	plan   *planner
	calls  sync.WaitGroup // attempts under way
	fetch  sync.WaitGroup // claims under way
}

// New checks the settings and starts nothing. overloaded tells whether the machine is too busy for another call; nil
// means never.
func New(cfg Config, trunks []avanak.Trunk, jobs Jobs, s Suppressions, c Caller, overloaded func() bool, log *slog.Logger,
	reg prometheus.Registerer) (*Dispatcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("dispatcher: %w", err)
	}
	if len(trunks) == 0 {
		return nil, fmt.Errorf("dispatcher: %w: no trunk", avanak.ErrInvalid)
	}
	if overloaded == nil {
		overloaded = func() bool { return false }
	}
	d := &Dispatcher{cfg: cfg, jobs: jobs, suppressed: s, caller: c, overloaded: overloaded, log: log,
		metrics: newMetrics(reg), held: newHoldings()}
	seen := make(map[string]bool)
	for _, t := range trunks {
		if err := t.Validate(); err != nil {
			return nil, fmt.Errorf("dispatcher: %w", err)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("dispatcher: %w: two trunks are named %s", avanak.ErrInvalid, t.Name)
		}
		seen[t.Name] = true
		d.trunks = append(d.trunks, newTrunk(t))
		d.metrics.trunk(t)
	}
	d.plan = newPlanner(d)
	return d, nil
}

// Run dispatches until ctx ends, then drains: no new calls, claims go back, running calls may end by themselves within
// Config.Drain and are ended after it. It returns when nothing of it is left, and never leaves an attempt unsettled
// that Redis would let it settle.
func (d *Dispatcher) Run(ctx context.Context) error {
	// Calls, settlements and heartbeats outlive ctx: they belong to the drain.
	drain, endCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer endCalls()
	upkeep, endUpkeep := context.WithCancel(context.WithoutCancel(ctx))
	var keepers sync.WaitGroup
	keepers.Go(func() { d.heartbeats(upkeep) })
	keepers.Go(func() { d.keep(ctx) })
	keepers.Go(func() {
		if err := d.jobs.Wakes(ctx, d.plan.woken); err != nil {
			d.log.Warn("wake-ups ended", "err", err)
		}
	})

	left := d.plan.run(ctx, drain)
	d.fetch.Wait()
	d.release(append(left, d.plan.leftovers()...))
	d.fetch.Wait() // the last news may have begun some more
	d.awaitCalls(endCalls)
	endUpkeep()
	keepers.Wait()
	d.plan.read(time.Now()) // the last calls' ends: every channel is accounted for
	d.fetch.Wait()
	return nil
}

// awaitCalls waits for running calls, and ends them when the drain limit is over.
func (d *Dispatcher) awaitCalls(endCalls context.CancelFunc) {
	over := make(chan struct{})
	go func() { d.calls.Wait(); close(over) }()
	limit := time.NewTimer(d.cfg.Drain)
	defer limit.Stop()
	select {
	case <-over:
		return
	case <-limit.C:
		d.log.Warn("drain limit reached: running calls are ended", "drain", d.cfg.Drain)
		endCalls()
	}
	<-over // bounded: a call ends within its BYE's or CANCEL's time, its settlement within lastTries (twice that where its number must be suppressed first)
}

// release gives claims back; what cannot be given back now returns by itself when its lease ends.
func (d *Dispatcher) release(claims []queue.Claim) {
	if len(claims) == 0 {
		return
	}
	// Must outlive the ended context: a claim that is given back is called seconds earlier.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, c := range claims {
		d.held.drop(c.Held())
	}
	if err := d.jobs.Release(ctx, claims...); err != nil {
		d.metrics.errors.WithLabelValues("release").Inc()
		d.log.Warn("claims were not given back; their leases end by themselves", "claims", len(claims), "err", err)
	}
}
