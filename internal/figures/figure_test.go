package figures

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTakeJudgesTheMedian(t *testing.T) {
	for name, tt := range map[string]struct {
		better string
		values []float64
		want   float64
		spread bool
		ok     bool
	}{
		"lower, met":     {Lower, []float64{10, 9, 9.994}, 9.99, false, true},
		"lower, missed":  {Lower, []float64{9, 10.1, 10.2}, 10.1, false, false},
		"higher, met":    {Higher, []float64{10, 5, 20}, 10, true, true},
		"higher, missed": {Higher, []float64{9.9, 9.8, 9.9}, 9.9, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			left := tt.values
			f, err := Take(Figure{Better: tt.better, Goal: 10}, func() (float64, error) {
				v := left[0]
				left = left[1:]
				return v, nil
			})
			require.NoError(t, err)
			require.Empty(t, left)
			require.InDelta(t, tt.want, f.Value, 1e-9)
			require.Equal(t, tt.ok, f.OK)
			require.Equal(t, tt.spread, f.Min != nil && f.Max != nil)
			require.Equal(t, 3, f.Runs)
		})
	}
	broken := errors.New("broken")
	_, err := Take(Figure{}, func() (float64, error) { return 0, broken })
	require.ErrorIs(t, err, broken)
}
