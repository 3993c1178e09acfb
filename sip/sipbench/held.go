package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/avanak/avanak/internal/figures"
)

// held measures how many calls are up at once, end well, and leave nothing behind.
func (b *bench) held(ctx context.Context) ([]figures.Figure, error) {
	l := load{Rate: 500, Calls: 5000, Hold: true}
	o, err := b.runRole(ctx, "ours", l, nil)
	if err != nil {
		return nil, err
	}
	f := figures.Figure{Name: "sip.held_calls_clean", Unit: "calls", Better: figures.Higher, Goal: 4000}
	good := clean(l.Calls, o.Up, o.Ended, o.callee.Succeeded)
	var notes []string
	if stain := o.stain(l.Calls); stain != "" {
		notes = append(notes, stain)
	}
	_, _ = fmt.Fprintf(b.out, "held: %d up at once; before: %s; %s after the last: %s (allowed: %d goroutines, 0 descriptors, %d bytes of heap a call more)\n",
		o.Up, o.Before, rest, o.After, moreGoroutines, morePerCall)
	if leak := o.Before.leaks(*o.After, l.Calls); leak != "" {
		notes, good = append(notes, "leak of "+leak), 0
	}
	f = f.Judge(float64(good))
	f.Note = strings.Join(notes, "; ")
	return []figures.Figure{f}, nil
}
