package main

import (
	"context"
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
	good := clean(l.Calls, o.Up, o.Ended, o.seen(l))
	var notes []string
	if stain := o.stain(l); stain != "" {
		notes = append(notes, stain)
	}
	if leak := o.Before.leaks(*o.After, l.Calls); leak != "" {
		notes, good = append(notes, "leak of "+leak), 0
	}
	f = f.Judge(float64(good))
	f.Note = strings.Join(notes, "; ")
	return []figures.Figure{f}, nil
}
