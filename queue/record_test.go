package queue

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avanak/avanak"
)

func TestResultsSurviveTheRecord(t *testing.T) {
	ds := rapid.Custom(func(rt *rapid.T) time.Duration {
		return time.Duration(rapid.Uint16().Draw(rt, "ds")) * 100 * time.Millisecond
	})
	rapid.Check(t, func(rt *rapid.T) {
		want := avanak.Result{Outcome: avanak.Outcome(rapid.Uint8().Draw(rt, "outcome")),
			SIP: int(rapid.Uint16().Draw(rt, "sip")), Cause: int(rapid.Uint8().Draw(rt, "cause")),
			Ring: ds.Draw(rt, "ring"), Talk: ds.Draw(rt, "talk"), Played: ds.Draw(rt, "played")}
		if s := rapid.Uint32().Draw(rt, "started"); s != 0 {
			want.Started = time.Unix(int64(s), 0).UTC()
		}
		got, err := unpackResult(packResult(want))
		require.NoError(rt, err)
		require.Equal(rt, want, got)
	})
}

func TestResultsAreClipped(t *testing.T) {
	const most = 6553500 * time.Millisecond
	for name, tt := range map[string]struct{ in, want avanak.Result }{
		"zero":           {},
		"rounded up":     {avanak.Result{Ring: 50 * time.Millisecond}, avanak.Result{Ring: 100 * time.Millisecond}},
		"rounded down":   {avanak.Result{Ring: 149 * time.Millisecond}, avanak.Result{Ring: 100 * time.Millisecond}},
		"part of second": {avanak.Result{Started: time.Unix(9, 999_999_999)}, avanak.Result{Started: time.Unix(9, 0).UTC()}},
		"too long": {avanak.Result{SIP: 1 << 17, Cause: 256, Ring: most + time.Second, Talk: math.MaxInt64, Played: 1e9 * time.Second},
			avanak.Result{SIP: 1<<16 - 1, Cause: 255, Ring: most, Talk: most, Played: most}},
		"negative": {avanak.Result{SIP: -1, Cause: -1, Ring: -time.Second, Talk: math.MinInt64, Played: -1}, avanak.Result{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := packResult(tt.in)
			require.Len(t, b, resultBytes)
			require.Zero(t, b[resultBytes-1], "the last byte is the scripts'")
			got, err := unpackResult(b)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestRecordsOfTheWrongLengthAreErrors(t *testing.T) {
	for _, n := range []int{0, 1, resultBytes - 1, resultBytes + 1} {
		_, err := unpackResult(make([]byte, n))
		require.Error(t, err, n)
	}
}

// FuzzUnpackResult: whatever 16 bytes hold is read, and is written back as it was but for what the scripts own.
func FuzzUnpackResult(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, resultBytes))
	f.Add(packResult(avanak.Result{Outcome: avanak.Completed, SIP: 200, Cause: 16, Started: time.Unix(1_800_000_000, 0),
		Ring: time.Second, Talk: time.Minute, Played: time.Hour}))
	f.Add([]byte{9, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := unpackResult(b)
		if len(b) != resultBytes {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, b[:resultBytes-2], packResult(r)[:resultBytes-2])
	})
}
