package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"sync"
	"syscall"
	"time"
)

// load is what a caller is asked to do.
type load struct {
	Target  string
	Rate    int // calls a second
	Calls   int
	Hold    bool // hang up only when all calls are up, at the same pace; then look for leaks
	Talk    time.Duration
	Profile string // file for a CPU profile; "" means none
}

// tally is what a caller did, as it prints it.
type tally struct {
	Ended   int            `json:"ended"`            // calls that were answered and whose BYE was answered
	Faults  map[string]int `json:"faults,omitempty"` // the others, by what went wrong
	CPU     time.Duration  `json:"cpu"`              // from the first call to the end of the last one
	Wall    time.Duration  `json:"wall"`             // the same
	Objects uint64         `json:"objects"`          // allocated meanwhile
	Bytes   uint64         `json:"bytes"`            // of these
	Late    time.Duration  `json:"late"`             // of the pace itself, 99th percentile
	P50     time.Duration  `json:"p50"`              // of the set-up
	P99     time.Duration  `json:"p99"`
	Longest time.Duration  `json:"longest"`
	Up      int            `json:"up,omitempty"` // calls that were up at once, with Hold
	Before  *footing       `json:"before,omitempty"`
	After   *footing       `json:"after,omitempty"`
}

// caller places calls by one way or another.
type caller interface {
	// place makes the next call and waits for the answer.
	place(ctx context.Context) (answered, error)
	close(ctx context.Context) error
}

// answered is a call that is up.
type answered interface {
	over() bool // it has ended
	// hangup sends a BYE and waits for its answer.
	hangup(ctx context.Context) error
}

// callTime bounds the set-up of a call, and its end: 64*T1 and some.
const callTime = 40 * time.Second

// gatewayGrowth is how far the gateway's heap may grow between two garbage collections, in percent of what lives.
const gatewayGrowth = 400

// play is the program as a caller.
func play(ctx context.Context, role string, l load) error {
	target, err := netip.ParseAddrPort(l.Target)
	if err != nil || !target.Addr().IsLoopback() || l.Rate < 1 || l.Calls < 0 {
		return errors.New("a role needs -target on loopback, -rate of at least 1 and no negative -calls")
	}
	open, known := map[string]func(context.Context, netip.AddrPort) (caller, error){"ours": newOurs, "bare": newBare}[role]
	if !known {
		return fmt.Errorf("no role %q", role)
	}
	// As the gateway runs (cmd/avanak/collector.go): for both callers, so that their ratio is that of their code.
	debug.SetGCPercent(gatewayGrowth)
	c, err := open(ctx, target)
	if err != nil {
		return err
	}
	t, err := l.measured(ctx, c)
	if err := errors.Join(err, c.close(ctx)); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(t)
}

// measured runs the load between two looks at the process.
func (l load) measured(ctx context.Context, c caller) (t tally, err error) {
	var before *footing
	if l.Hold {
		// Tables grow with their first load and do not shrink: what stays after a second one is a leak.
		if w := l.drive(ctx, c); w.Ended != l.Calls {
			return t, fmt.Errorf("first load: %d of %d calls ended well: %v", w.Ended, l.Calls, w.Faults)
		}
		if before, err = restAndStand(ctx); err != nil {
			return t, err
		}
	}
	if l.Profile != "" {
		f, err := os.Create(l.Profile)
		if err != nil {
			return t, fmt.Errorf("profile: %w", err)
		}
		defer func() { _ = f.Close() }() // a broken profile shows when it is read
		if err := pprof.StartCPUProfile(f); err != nil {
			return t, fmt.Errorf("profile: %w", err)
		}
	}
	var allocated, now runtime.MemStats
	runtime.ReadMemStats(&allocated)
	begin, used := time.Now(), cpu()
	t = l.drive(ctx, c)
	t.CPU, t.Wall = cpu()-used, time.Since(begin)
	runtime.ReadMemStats(&now)
	t.Objects, t.Bytes = now.Mallocs-allocated.Mallocs, now.TotalAlloc-allocated.TotalAlloc
	if l.Profile != "" {
		pprof.StopCPUProfile()
	}
	if l.Hold {
		t.Before = before
		t.After, err = restAndStand(ctx)
	}
	return t, err
}

// drive places the calls, each in a goroutine of its own, at instants that were fixed before the first one.
func (l load) drive(ctx context.Context, c caller) tally {
	r := &record{setups: make([]time.Duration, 0, l.Calls), faults: map[string]int{}}
	var up, done sync.WaitGroup
	calls := make([]answered, l.Calls)
	late := l.pace(ctx, func(i int) {
		handed := time.Now()
		up.Add(1)
		done.Go(func() {
			defer up.Done()
			bounded, cancel := context.WithTimeout(ctx, callTime)
			defer cancel()
			call, err := c.place(bounded)
			r.placed(time.Since(handed), err)
			if err != nil {
				return
			}
			if l.Hold {
				calls[i] = call
				return
			}
			if l.Talk > 0 {
				time.Sleep(l.Talk)
			}
			r.finished(call.hangup(bounded))
		})
	})
	if l.Hold {
		up.Wait()
		for _, call := range calls {
			if call != nil && !call.over() {
				r.up++
			}
		}
		l.pace(ctx, func(i int) {
			if calls[i] == nil {
				return
			}
			done.Go(func() {
				bounded, cancel := context.WithTimeout(ctx, callTime)
				defer cancel()
				r.finished(calls[i].hangup(bounded))
			})
		})
	}
	done.Wait()
	return r.tally(late)
}

// pace calls start for each call at its instant. It returns the lateness of the starts, 99th percentile.
func (l load) pace(ctx context.Context, start func(i int)) time.Duration {
	begin, late := time.Now(), make([]time.Duration, l.Calls)
	for i := range l.Calls {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(l.Rate))
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			break
		}
		late[i] = time.Since(due)
		start(i)
	}
	return percentile(late, 99)
}

// record gathers what many calls came to.
type record struct {
	mu     sync.Mutex
	setups []time.Duration // guarded by mu
	ended  int             // guarded by mu
	faults map[string]int  // guarded by mu
	up     int
}

func (r *record) placed(setup time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.faults[err.Error()]++
		return
	}
	r.setups = append(r.setups, setup)
}

func (r *record) finished(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.faults[err.Error()]++
		return
	}
	r.ended++
}

func (r *record) tally(late time.Duration) tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return tally{Ended: r.ended, Faults: maps.Clone(r.faults), Up: r.up, Late: late,
		P50: percentile(r.setups, 50), P99: percentile(r.setups, 99), Longest: percentile(r.setups, 100)}
}

// percentile sorts times; it is 0 where there are none.
func percentile(times []time.Duration, p int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.SortFunc(times, cmp.Compare[time.Duration])
	return times[(len(times)*p+99)/100-1]
}

// cpu is what this process has used so far, user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
