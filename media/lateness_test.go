package media

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLatenessPercentile(t *testing.T) {
	type seen struct {
		at, late time.Duration
		packets  uint64
	}
	tests := map[string]struct {
		seen    []seen
		at      time.Duration
		want    time.Duration
		packets uint64
	}{
		"nothing":         {at: time.Hour},
		"an upper edge":   {seen: []seen{{0, 1200 * time.Microsecond, 10}}, want: 2 * time.Millisecond, packets: 10},
		"on the edge":     {seen: []seen{{0, 20 * time.Millisecond, 10}}, want: 20 * time.Millisecond, packets: 10},
		"past every edge": {seen: []seen{{0, time.Hour, 10}}, want: 5 * time.Second, packets: 10},
		"one in a hundred late": {
			seen: []seen{{0, time.Millisecond, 99}, {0, time.Second, 1}}, want: time.Millisecond, packets: 100,
		},
		"two in a hundred late": {
			seen: []seen{{0, time.Millisecond, 98}, {0, time.Second, 2}}, want: time.Second, packets: 100,
		},
		"old seconds are forgotten": {
			seen: []seen{{0, time.Second, 50}, {4 * time.Second, time.Millisecond, 7}}, at: 5 * time.Second,
			want: time.Millisecond, packets: 7,
		},
		"a ring slot is reused": {
			seen: []seen{{0, time.Second, 50}, {5 * time.Second, time.Millisecond, 7}}, at: 5 * time.Second,
			want: time.Millisecond, packets: 7,
		},
		"all is forgotten": {seen: []seen{{0, time.Second, 50}}, at: time.Hour},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var l lateness
			for _, s := range tt.seen {
				l.record(s.at, s.late, s.packets, 0)
			}
			late, packets := l.percentile(99, tt.at)
			require.Equal(t, tt.want, late)
			require.Equal(t, tt.packets, packets)
		})
	}
}

func TestOverloaded(t *testing.T) {
	var l lateness
	require.False(t, l.overloaded(0))

	l.record(time.Second, 25*time.Millisecond, overloadSample-1, 0)
	require.False(t, l.overloaded(time.Second), "too few packets to tell")
	l.record(time.Second, 25*time.Millisecond, 1, 0)
	require.True(t, l.overloaded(time.Second))
	l.record(time.Second, time.Millisecond, 19*overloadSample, 0)
	require.False(t, l.overloaded(time.Second), "5 % late is no overload")
	l.record(time.Second, 25*time.Millisecond, 100, 0)
	require.True(t, l.overloaded(time.Second), "more is")

	l = lateness{}
	l.record(2*time.Second, 61*time.Millisecond, 1, 1)
	require.True(t, l.overloaded(2*time.Second), "one stall over 60 ms is")
	require.True(t, l.overloaded(2*time.Second+stallHold-1))
	require.False(t, l.overloaded(2*time.Second+stallHold))
}
