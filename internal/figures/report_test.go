package figures

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample() Report {
	least, most := 2.0, 5.0
	return Report{Commit: "c0ffee", Machine: Machine{CPU: "cpu", Cores: 2, Kernel: "6", Load1: 1.5, Busy: true}, Figures: []Figure{
		{Name: "queue.bytes", Value: 25.7, Unit: "B", Better: Lower, Goal: 32, Runs: 3, OK: true,
			Anchor: &Anchor{Name: "hash per task", Value: 597}, Ratio: 0.04},
		{Name: "sip.ratio", Value: 4.5, Min: &least, Max: &most, Unit: "×", Better: Lower, Goal: 4, Runs: 3,
			Anchor: &Anchor{Name: "sipp, µs a call", Value: 62}, Note: "sipp: 2 retransmissions"},
		{Name: "queue.rate", Value: 5000, Unit: "1/s", Better: Higher, Goal: 2000, Runs: 1, OK: true},
	}}
}

func TestTableTellsAll(t *testing.T) {
	var out bytes.Buffer
	sample().Print(&out)
	require.Equal(t, `figure       value     range  goal    anchor                           
queue.bytes  25.7 B           ≤ 32    hash per task: 597 (ratio 0.04)  ok
sip.ratio    4.5 ×     2–5    ≤ 4     sipp, µs a call: 62              MISSED
queue.rate   5000 1/s         ≥ 2000                                   ok
sip.ratio: sipp: 2 retransmissions
the machine was otherwise busy (load 1.5): rates are lower bounds
`, out.String())
}

func TestFileHoldsTheReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench-out", "sip.json")
	require.NoError(t, sample().Write(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var got Report
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, sample(), got)
	require.NotContains(t, string(text), `"note": ""`, "what is not said is absent")
}

func TestVerdict(t *testing.T) {
	r := sample()
	require.ErrorIs(t, r.Verdict(), ErrMissed)
	r.Figures = append(r.Figures[:1], r.Figures[2])
	require.NoError(t, r.Verdict())
}
