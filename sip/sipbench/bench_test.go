package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStainTellsWhatWasNotClean(t *testing.T) {
	good := outcome{tally: tally{Ended: 10}, callee: counts{Succeeded: 10}}
	require.Empty(t, good.stain(load{Calls: 10}))
	again := good
	again.again = 2
	require.Equal(t, "2 retransmissions", again.stain(load{Calls: 10}))
	lost := good
	lost.Ended, lost.Faults = 7, map[string]int{"bye: no answer": 1, "answer: late": 2}
	require.Equal(t, "7 of 10 calls ended well for the caller, 10 for the callee, 2 × answer: late, 1 × bye: no answer", lost.stain(load{Calls: 10}))
	unseen := good
	unseen.callee.Succeeded = 9
	require.NotEmpty(t, unseen.stain(load{Calls: 10}))
	twice := good
	twice.callee.Succeeded = 19
	require.Equal(t, "10 of 10 calls ended well for the caller, 9 for the callee", twice.stain(load{Calls: 10, Hold: true}))
}

func TestCleanCountsEveryGap(t *testing.T) {
	require.Equal(t, 10, clean(10, 10, 10))
	require.Equal(t, 7, clean(10, 9, 8))
	require.Equal(t, 0, clean(10, 4, 4))
	require.Equal(t, 8, clean(10, 8, 12), "a surplus fills no gap")
}

func TestLeaksAreNamed(t *testing.T) {
	before := footing{Goroutines: 4, Descriptors: 11, Heap: 1 << 20}
	for name, tt := range map[string]struct {
		after footing
		want  string
	}{
		"same":            {before, ""},
		"noise":           {footing{Goroutines: 5, Descriptors: 10, Heap: 1<<20 + 1000}, ""},
		"a leg each":      {footing{Goroutines: 104, Descriptors: 11, Heap: 1 << 20}, "goroutines"},
		"a socket":        {footing{Goroutines: 4, Descriptors: 12, Heap: 1 << 20}, "descriptors"},
		"an entry a call": {footing{Goroutines: 4, Descriptors: 11, Heap: 1<<20 + 100*200}, "heap"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, before.leaks(tt.after, 100)) })
	}
}

func TestCountsAreThoseOfTheLastLine(t *testing.T) {
	const head = "StartTime;TotalCallCreated;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);Retransmissions(C);\n"
	file := filepath.Join(t.TempDir(), "stats.csv")
	for name, tt := range map[string]struct {
		text string
		want counts
		ok   bool
	}{
		"two lines": {head + "x;5;1;1;0;0;\nx;10;7;8;2;3;\n", counts{10, 8, 2, 3}, true},
		"none":      {head, counts{}, false},
		"empty":     {"", counts{}, false},
		"no number": {head + "x;y;1;1;0;0;\n", counts{}, false},
		"no column": {"StartTime;TotalCallCreated;\nx;1;\n", counts{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte(tt.text), 0o600))
			got, err := readCounts(file)
			require.Equal(t, tt.ok, err == nil, "%v", err)
			if tt.ok {
				require.Equal(t, tt.want, got)
			}
		})
	}
}
