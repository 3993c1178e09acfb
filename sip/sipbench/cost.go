package main

import (
	"context"
	"slices"
	"strings"

	"github.com/avanak/avanak/internal/figures"
)

// costRate is the pace at which CPU per call is measured, in calls a second.
const costRate = 2000

// cost measures the CPU of a call beside sipp and beside bare sipgo, in interleaved rounds.
func (b *bench) cost(ctx context.Context, calls int) ([]figures.Figure, error) {
	l := load{Rate: costRate, Calls: calls}
	start, err := b.runSipp(ctx, load{Rate: 1, Calls: 1})
	if err != nil {
		return nil, err
	}
	modes := []string{"ours", "bare", "sipp"}
	used, stains := map[string][]float64{}, []string{}
	for round := range figures.Runs {
		for i := range modes {
			mode := modes[(round+i)%len(modes)] // no mode always follows the same other
			o, err := b.one(ctx, mode, l)
			if err != nil {
				return nil, err
			}
			if mode == "sipp" {
				o.CPU -= start.CPU
			}
			used[mode] = append(used[mode], o.perCall(calls))
			if stain := o.stain(l); stain != "" {
				stains = append(stains, mode+": "+stain)
			}
		}
	}
	note := strings.Join(stains, "; ")
	ratio := func(name string, goal float64, anchor, mode string) figures.Figure {
		values := make([]float64, figures.Runs)
		for i := range values {
			values[i] = used["ours"][i] / used[mode][i]
		}
		f := figures.Figure{Name: name, Unit: "×", Better: figures.Lower, Goal: goal, Note: note}.Judge(values...)
		f.Anchor = &figures.Anchor{Name: anchor + ", µs CPU a call", Value: figures.Round(median(used[mode]))}
		return f
	}
	return []figures.Figure{
		ratio("sip.cpu_ratio_2000cps", 4, "sipp as UAC", "sipp"),
		ratio("sip.cpu_ratio_bare_sipgo_2000cps", 1.5, "sipgo's dialog client", "bare"),
	}, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
