package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// report is all figures of a run and where they were taken.
type report struct {
	Commit  string   `json:"commit"`
	Machine machine  `json:"machine"`
	Figures []figure `json:"figures"`
}

func (r report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "figure\tvalue\trange\tgoal\tanchor\t")
	for _, f := range r.Figures {
		sign, verdict := "≤", "ok"
		if f.Better == higher {
			sign = "≥"
		}
		if !f.OK {
			verdict = "MISSED"
		}
		spread, beside := "", ""
		if f.Min != nil {
			spread = fmt.Sprintf("%g–%g", *f.Min, *f.Max)
		}
		if f.Anchor != nil {
			beside = fmt.Sprintf("%s: %g (ratio %g)", f.Anchor.Name, f.Anchor.Value, f.Ratio)
		}
		_, _ = fmt.Fprintf(t, "%s\t%g %s\t%s\t%s %g\t%s\t%s\n", f.Name, f.Value, f.Unit, spread, sign, f.Goal, beside, verdict)
	}
	_ = t.Flush() // a table that cannot be printed is no reason to lose the figures, which are written next
	if r.Machine.Busy {
		_, _ = fmt.Fprintf(w, "the machine was otherwise busy (load %g): rates are lower bounds\n", r.Machine.Load1)
	}
}

func (r report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}
