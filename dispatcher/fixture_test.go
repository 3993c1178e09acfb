package dispatcher

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// placed is a call as the fake carrier saw it.
type placed struct {
	intent queue.Intent
	trunk  string
	tried  []string
	at     time.Time
}

// carrier stands for call, sip and the far end: it asks the gate, and ends each call as the test says.
type carrier struct {
	answer func(ctx context.Context, i queue.Intent) avanak.Outcome
	reply  func(ctx context.Context, i queue.Intent, via avanak.Route) avanak.Report // goes before answer

	mu     sync.Mutex
	placed []placed // guarded by mu
	live   atomic.Int64
	most   atomic.Int64
}

func (c *carrier) Place(ctx context.Context, i queue.Intent, via avanak.Route, gate func(context.Context) error) avanak.Report {
	n := c.live.Add(1)
	defer c.live.Add(-1)
	for m := c.most.Load(); n > m && !c.most.CompareAndSwap(m, n); m = c.most.Load() {
	}
	if err := gate(ctx); err != nil {
		return avanak.Report{Result: avanak.Result{Outcome: avanak.Congestion}, Detail: "not sent"}
	}
	c.mu.Lock()
	c.placed = append(c.placed, placed{i, via.Trunk, via.Tried, time.Now()})
	c.mu.Unlock()
	if c.reply != nil {
		return c.reply(ctx, i, via)
	}
	outcome := avanak.Completed
	if c.answer != nil {
		outcome = c.answer(ctx, i)
	}
	return avanak.Report{Result: avanak.Result{Outcome: outcome, Started: time.Now()}}
}

func (c *carrier) calls() []placed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]placed(nil), c.placed...)
}

// list is a suppression list that the test can break.
type list struct {
	mu         sync.Mutex
	suppressed map[avanak.Number]bool
	fault      error
	asked      int // how often the list was to take numbers in
}

func (l *list) Has(_ context.Context, n avanak.Number) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.suppressed[n], l.fault
}

func (l *list) Add(_ context.Context, numbers ...avanak.Number) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	for _, n := range numbers {
		l.suppressed[n] = l.suppressed[n] || l.fault == nil
	}
	return l.fault
}

func (l *list) additions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func (l *list) set(fault error, numbers ...avanak.Number) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
	for _, n := range numbers {
		l.suppressed[n] = true
	}
}

// rig is a dispatcher on a real queue on miniredis.
type rig struct {
	t       *testing.T
	mini    *miniredis.Miniredis
	rdb     *redis.Client
	queue   *queue.Queue
	carrier *carrier
	list    *list
	d       *Dispatcher
	stop    func() // ends Run and waits for it
}

var errAway = errors.New("list is away")

func newRig(t *testing.T, change func(*Config), trunks ...avanak.Trunk) *rig {
	t.Helper()
	r := &rig{t: t, mini: miniredis.RunT(t), carrier: &carrier{}, list: &list{suppressed: map[avanak.Number]bool{}}}
	rdb := redis.NewClient(&redis.Options{Addr: r.mini.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	q, err := queue.New(queue.DefaultConfig(), rdb)
	require.NoError(t, err)
	r.queue, r.rdb = q, rdb
	cfg := DefaultConfig()
	cfg.Look, cfg.Drain = 50*time.Millisecond, 10*time.Second
	if change != nil {
		change(&cfg)
	}
	if len(trunks) == 0 {
		trunks = []avanak.Trunk{{Name: "t1", CPS: 500, Channels: 50}}
	}
	r.d, err = New(cfg, trunks, q, r.list, r.carrier, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.d.Run(ctx) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				require.NoError(r.t, err)
			case <-time.After(time.Minute):
				r.t.Error("Run did not return")
				return
			}
			requireIdle(r.t, r.d)
		})
	}
	r.t.Cleanup(r.stop)
}

// requireIdle tells that a dispatcher whose Run has returned has taken back whatever it gave out.
func requireIdle(t *testing.T, d *Dispatcher) {
	t.Helper()
	for _, trunk := range d.trunks {
		require.Zero(t, trunk.inUse, "channels of %s", trunk.Name)
		require.False(t, trunk.breaker.probing, "the probe of %s", trunk.Name)
	}
	require.Empty(t, d.plan.legs, "requests for legs")
}

func number(i int) avanak.Number { return avanak.Number(98_912_000_0000 + i) }

func (r *rig) campaign(n int, change func(*avanak.Campaign)) avanak.Campaign {
	r.t.Helper()
	ctx, now := r.t.Context(), time.Now()
	c := avanak.Campaign{ID: avanak.NewID(avanak.CampaignPrefix, now), Tenant: "acme", Name: "test",
		Clip: avanak.NewID(avanak.ClipPrefix, now), Window: avanak.Window{To: 1440}, Ring: time.Second,
		Retry: avanak.RetryPolicy{MaxAttempts: 1}, OnUncertain: avanak.Hold, Created: now}
	if change != nil {
		change(&c)
	}
	_, err := r.queue.CreateCampaign(ctx, c, "fp")
	require.NoError(r.t, err)
	l, err := r.queue.BeginLoad(ctx, c.ID, "load")
	require.NoError(r.t, err)
	numbers := make([]avanak.Number, n)
	for i := range numbers {
		numbers[i] = number(i + 1)
	}
	require.NoError(r.t, l.Append(ctx, numbers, make([]avanak.State, n)))
	require.NoError(r.t, l.Commit(ctx, 0))
	open, until, ok := c.Window.Span(now)
	require.True(r.t, ok)
	require.NoError(r.t, r.queue.OpenWindow(ctx, c.ID, open, until))
	r.setRun(c, avanak.Running)
	return c
}

func (r *rig) setRun(c avanak.Campaign, to avanak.Run) {
	r.t.Helper()
	_, err := r.queue.SetRun(r.t.Context(), c, "", to)
	require.NoError(r.t, err)
}

func (r *rig) message(change func(*avanak.Message)) avanak.Message {
	r.t.Helper()
	now := time.Now()
	m := avanak.Message{ID: avanak.NewID(avanak.MessagePrefix, now), Tenant: "acme",
		Clip: avanak.NewID(avanak.ClipPrefix, now), Number: number(900), Window: avanak.Window{To: 1440}, Ring: time.Second,
		OnUncertain: avanak.Hold, Accepted: now, Expires: now.Add(time.Minute)}
	if change != nil {
		change(&m)
	}
	_, err := r.queue.PushMessage(r.t.Context(), m, "fp")
	require.NoError(r.t, err)
	return m
}

func (r *rig) progress(c avanak.Campaign) avanak.Progress {
	r.t.Helper()
	_, p, err := r.queue.Campaign(r.t.Context(), c.ID)
	require.NoError(r.t, err)
	return p
}

// eventually waits for a condition that a healthy run reaches within a second or two.
func (r *rig) eventually(ok func() bool, what string) {
	r.t.Helper()
	require.Eventually(r.t, ok, 30*time.Second, 10*time.Millisecond, what)
}

func (r *rig) done(c avanak.Campaign) avanak.Progress {
	r.t.Helper()
	r.eventually(func() bool { return r.progress(c).Run == avanak.Done }, "campaign is done")
	return r.progress(c)
}

// redisTime is the clock that the scripts see.
func (r *rig) redisTime() time.Time {
	r.t.Helper()
	now, err := r.rdb.Time(r.t.Context()).Result()
	require.NoError(r.t, err)
	return now
}

// renewals is the sum of all lease deadlines in Redis: it grows with each heartbeat after the clock moved.
func (r *rig) renewals() float64 {
	r.t.Helper()
	sum := 0.0
	keys, err := r.rdb.Keys(r.t.Context(), "*:lz").Result()
	require.NoError(r.t, err)
	for _, k := range keys {
		all, err := r.rdb.ZRangeWithScores(r.t.Context(), k, 0, -1).Result()
		require.NoError(r.t, err)
		for _, z := range all {
			sum += z.Score
		}
	}
	return sum
}
