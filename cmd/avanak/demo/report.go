package demo

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"time"

	"github.com/avanak/avanak"
)

//go:embed report.html.tmpl
var reportText string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{"ms": inMillis}).Parse(reportText))

// page is what the report shows. Numbers of people are masked or left out.
type page struct {
	Summary
	Checks  []Check
	States  []stateBar
	Phases  []phaseRow
	Pace    paceChart
	Sent    wave
	Heard   wave
	Clip    string
	At      string
	Called  int // INVITEs at the callees
	HeardBy string
}

// stateBar is a state's share of the recipients, in percent.
type stateBar struct {
	Name  string
	N     int
	Left  float64
	Width float64
}

// phaseRow is a phase with its bars, in percent of the longest p99.
type phaseRow struct {
	Phase
	Bar50, Bar99 float64
}

// report draws the page. It is one file: no script, no font, no picture from elsewhere.
func report(h History, s Summary, checks []Check, heardWAV []byte) ([]byte, error) {
	heard := hearings(h.Calls, h.Golden)
	p := page{Summary: s, Checks: checks, States: stateBars(s), Phases: phaseRows(h.phases(heard)),
		Pace: newPaceChart(pace(h.Calls), densest(h.Calls)), Sent: newWave(speech[wavHead:]), Heard: newWave(heardWAV[wavHead:]),
		Clip: clipLength(), At: time.Now().Format("2006-01-02 15:04 MST"), Called: len(h.Calls)}
	for _, e := range heard {
		if e.Complete {
			p.HeardBy = e.Number.String()
			break
		}
	}
	var b bytes.Buffer
	if err := reportPage.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("draw %s: %w", reportFile, err)
	}
	return b.Bytes(), nil
}

// clipLength is the clip's duration for people.
func clipLength() string {
	return (time.Duration(len(speechALaw)) * time.Second / 8000).Round(10 * time.Millisecond).String()
}

func stateBars(s Summary) []stateBar {
	var bars []stateBar
	left := 0.0
	for state := range avanak.State(avanak.States) {
		n := s.States[state.String()]
		if n == 0 {
			continue
		}
		width := 100 * float64(n) / float64(max(s.Recipients, 1))
		bars = append(bars, stateBar{Name: state.String(), N: n, Left: left, Width: width})
		left += width
	}
	return bars
}

func phaseRows(phases []Phase) []phaseRow {
	longest := time.Duration(1)
	for _, p := range phases {
		longest = max(longest, p.P99)
	}
	rows := make([]phaseRow, 0, len(phases))
	for _, p := range phases {
		rows = append(rows, phaseRow{p, share(p.P50, longest), share(p.P99, longest)})
	}
	return rows
}

// share is a part in percent, at least visible.
func share(part, whole time.Duration) float64 {
	return max(0.4, 100*float64(part)/float64(whole))
}

// inMillis writes a time for people: "12.3 ms", "1.24 s".
func inMillis(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
}
