package impair

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsDueTogetherLeavesInOrder(t *testing.T) {
	q := queue{limits: defaultLimits()}
	now := time.Now()
	for i := range byte(20) {
		require.True(t, q.add(&parcel{payload: []byte{i}}, now))
	}
	require.Nil(t, q.take(now.Add(-1)))
	for i := range byte(20) {
		require.Equal(t, []byte{i}, q.take(now).payload)
	}
	require.Nil(t, q.take(now))
	require.Zero(t, q.bytes)
}
