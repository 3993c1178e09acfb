package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"
)

// footing is what a process holds.
type footing struct {
	Goroutines  int    `json:"goroutines"`
	Descriptors int    `json:"descriptors"`
	Heap        uint64 `json:"heap"` // live bytes, after a collection
}

func (f footing) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %.2f MiB heap", f.Goroutines, f.Descriptors, float64(f.Heap)/(1<<20))
}

// rest is how long after the last call all must be as before: 64*T1 (32 s) for what a transaction still owes, and some.
const rest = 40 * time.Second

// What a process may hold more than before its calls.
const (
	moreGoroutines = 4  // of the runtime and of timers; a leg that stays has one, too
	morePerCall    = 64 // bytes of heap: the noise of a collector, and less than any entry of a table
)

// restAndStand waits until all should be over.
func restAndStand(ctx context.Context) (*footing, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(rest):
	}
	return stand()
}

// stand looks at this process.
func stand() (*footing, error) {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go at the first one
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, fmt.Errorf("count descriptors: %w", err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &footing{Goroutines: runtime.NumGoroutine(), Descriptors: len(open), Heap: m.HeapAlloc}, nil
}

// leaks says what stayed after this many calls, or "".
func (f footing) leaks(after footing, calls int) string {
	switch {
	case after.Goroutines > f.Goroutines+moreGoroutines:
		return "goroutines"
	case after.Descriptors > f.Descriptors:
		return "descriptors"
	case after.Heap > f.Heap+uint64(calls)*morePerCall: //nolint:gosec // a count
		return "heap"
	}
	return ""
}
