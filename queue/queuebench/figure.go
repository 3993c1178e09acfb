package main

import (
	"slices"
	"strconv"
	"time"
)

// runs is how often each figure is taken; its value is their median. What takes longer than long is taken once.
const (
	runs = 3
	long = time.Minute
)

// The ways in which a figure gets better.
const (
	lower  = "lower"
	higher = "higher"
)

// figure is one measured value beside its goal.
type figure struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"` // median of the runs
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
	Unit   string   `json:"unit"`
	Better string   `json:"better"`
	Goal   float64  `json:"goal"`
	Anchor *anchor  `json:"anchor,omitempty"`
	Ratio  float64  `json:"ratio,omitempty"` // value over anchor
	Runs   int      `json:"runs"`
	OK     bool     `json:"ok"`
}

// anchor is what something well known costs for the same work.
type anchor struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// take measures a figure and judges it.
func take(f figure, once func() (float64, error)) (figure, error) {
	values := make([]float64, 0, runs)
	for begin := time.Now(); len(values) == 0 || len(values) < runs && time.Since(begin) < time.Duration(len(values))*long; {
		v, err := once()
		if err != nil {
			return f, err
		}
		values = append(values, round(v))
	}
	slices.Sort(values)
	least, most := values[0], values[len(values)-1]
	f.Value, f.Runs = values[len(values)/2], len(values)
	if most-least > f.Value/5 {
		f.Min, f.Max = &least, &most
	}
	f.OK = f.Value <= f.Goal
	if f.Better == higher {
		f.OK = f.Value >= f.Goal
	}
	return f, nil
}

// round keeps two places: the rest is noise.
func round(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }

// amount writes a count as figures' names hold it: 100k, 10m.
func amount(n int) string {
	switch {
	case n%1_000_000 == 0:
		return strconv.Itoa(n/1_000_000) + "m"
	case n%1000 == 0:
		return strconv.Itoa(n/1000) + "k"
	}
	return strconv.Itoa(n)
}
