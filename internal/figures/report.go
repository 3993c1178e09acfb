package figures

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// ErrMissed means that all was measured and something is not good enough.
var ErrMissed = errors.New("a figure misses its goal")

// Report is all figures of a run and where they were taken.
type Report struct {
	Commit  string   `json:"commit"`
	Machine Machine  `json:"machine"`
	Figures []Figure `json:"figures"`
}

// NewReport looks at the machine: it is called before the first run.
func NewReport(ctx context.Context) Report {
	return Report{Commit: commit(ctx), Machine: thisMachine()}
}

// Print writes the table.
func (r Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "figure\tvalue\trange\tgoal\tanchor\t")
	for _, f := range r.Figures {
		sign, verdict := "≤", "ok"
		if f.Better == Higher {
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
			beside = fmt.Sprintf("%s: %g", f.Anchor.Name, f.Anchor.Value)
			if f.Ratio != 0 {
				beside += fmt.Sprintf(" (ratio %g)", f.Ratio)
			}
		}
		_, _ = fmt.Fprintf(t, "%s\t%g %s\t%s\t%s %g\t%s\t%s\n", f.Name, f.Value, f.Unit, spread, sign, f.Goal, beside, verdict)
	}
	_ = t.Flush() // a table that cannot be printed is no reason to lose the figures, which are written next
	for _, f := range r.Figures {
		if f.Note != "" {
			_, _ = fmt.Fprintf(w, "%s: %s\n", f.Name, f.Note)
		}
	}
	if r.Machine.Busy {
		_, _ = fmt.Fprintf(w, "the machine was otherwise busy (load %g): rates are lower bounds\n", r.Machine.Load1)
	}
}

// Write writes the figures as JSON to a file, and makes its directory.
func (r Report) Write(path string) error {
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

// Verdict is ErrMissed where a figure misses its goal.
func (r Report) Verdict() error {
	for _, f := range r.Figures {
		if !f.OK {
			return ErrMissed
		}
	}
	return nil
}
