package figures

import (
	"slices"
	"time"
)

// Runs is how often each figure is taken; its value is their median. What takes longer than long is taken once.
const (
	Runs = 3
	long = time.Minute
)

// The ways in which a figure gets better.
const (
	Lower  = "lower"
	Higher = "higher"
)

// Figure is one measured value beside its goal.
type Figure struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"` // median of the runs
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
	Unit   string   `json:"unit"`
	Better string   `json:"better"`
	Goal   float64  `json:"goal"`
	Anchor *Anchor  `json:"anchor,omitempty"`
	Ratio  float64  `json:"ratio,omitempty"` // value over anchor; 0 where the value itself is the ratio
	Runs   int      `json:"runs"`
	OK     bool     `json:"ok"`
	Note   string   `json:"note,omitempty"` // what a reader must know before believing it
}

// Anchor is what something well known costs for the same work.
type Anchor struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Take measures a figure Runs times, or once where that takes over a minute, and judges it.
func Take(f Figure, once func() (float64, error)) (Figure, error) {
	values := make([]float64, 0, Runs)
	for begin := time.Now(); len(values) == 0 || len(values) < Runs && time.Since(begin) < time.Duration(len(values))*long; {
		v, err := once()
		if err != nil {
			return f, err
		}
		values = append(values, v)
	}
	return f.Judge(values...), nil
}

// Judge sets the figure's value to the median of at least one run, with the spread where it exceeds a fifth, and holds it
// against the goal.
func (f Figure) Judge(values ...float64) Figure {
	rounded := make([]float64, len(values))
	for i, v := range values {
		rounded[i] = Round(v)
	}
	slices.Sort(rounded)
	least, most := rounded[0], rounded[len(rounded)-1]
	f.Value, f.Runs = rounded[len(rounded)/2], len(rounded)
	if most-least > f.Value/5 {
		f.Min, f.Max = &least, &most
	}
	f.OK = f.Value <= f.Goal
	if f.Better == Higher {
		f.OK = f.Value >= f.Goal
	}
	return f
}

// Round keeps two places: the rest is noise.
func Round(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }
