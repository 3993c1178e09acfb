package main

import (
	"context"
	"strings"

	"github.com/avanak/avanak/internal/figures"
)

// setup measures the time from the instant at which a call is due for Invite to its answer: 1000 calls a second for 10 s.
func (b *bench) setup(ctx context.Context) ([]figures.Figure, error) {
	l := load{Rate: 1000, Calls: 10_000}
	var stains []string
	f, err := figures.Take(figures.Figure{Name: "sip.setup_p99_ms_1000cps", Unit: "ms", Better: figures.Lower, Goal: 10},
		func() (float64, error) {
			o, err := b.runRole(ctx, "ours", l, nil)
			if stain := o.stain(l); stain != "" {
				stains = append(stains, stain)
			}
			return ms(o.P99), err
		})
	f.Note = strings.Join(stains, "; ")
	return []figures.Figure{f}, err
}
