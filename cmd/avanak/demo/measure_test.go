package demo

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := 100; i > 0; i-- {
		hundred = append(hundred, time.Duration(i))
	}
	for _, tc := range []struct {
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{nil, 99, 0}, {[]time.Duration{7}, 50, 7}, {hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 99.1, 100},
		{[]time.Duration{3, 1, 2}, 50, 2}, {[]time.Duration{1, 2}, 0, 1},
	} {
		require.Equal(t, tc.want, percentile(tc.values, tc.p))
	}
}

func TestSummary(t *testing.T) {
	h := goodHistory()
	s := summarise(h, Judge(h), client.Readiness{Store: "embedded", Durability: "always"}, 42*time.Second)
	b, err := json.Marshal(s)
	require.NoError(t, err)
	// 20 ms to the INVITE, 50 ms to ringing; answer to first packet 5 ms, and three frames of lead-in: 135 ms. 19 people in
	// 18 steps of 50 ms: 1200 a minute.
	require.Equal(t, `{"recipients":20,"duplicates":2,"invalid":2,"emergency":1,"suppressed":1,`+
		`"states":{"busy":3,"delivered":12,"no_answer":2,"partial":2,"suppressed":1},"attempts":22,"answered":14,`+
		`"heard_complete":17,"heard_bit_exact":17,"twice_called":0,"fast":{"n":5,"mean_s":0.135,"max_s":0.135},`+
		`"messages_per_minute":1200,"first_rtp_p99_ms":5,"fast_accept_to_invite_p99_ms":20,"store":"embedded",`+
		`"durability":"always","seconds":42,"failures":[],"ok":true}`, string(b))

	h.Golden[0] ^= 1
	s = summarise(h, Judge(h), client.Readiness{}, 0)
	require.False(t, s.OK)
	require.Len(t, s.Failures, 1)
	require.Zero(t, s.HeardBitExact)
	require.Equal(t, 17, s.HeardComplete)
}

func TestPace(t *testing.T) {
	require.Empty(t, pace(nil))
	h := goodHistory()
	seconds := pace(h.Calls)
	sum := 0
	for _, n := range seconds {
		sum += n
	}
	require.Equal(t, len(h.Calls), sum)
	require.Equal(t, 20, seconds[0], "19 people in the first second, and a fast message")
}

func TestDensest(t *testing.T) {
	require.Zero(t, densest(nil))
	at := func(ms ...int) (calls []siptest.Call) {
		for _, m := range ms {
			calls = append(calls, refused(firstRecipient, 1, epoch.Add(time.Duration(m)*time.Millisecond), 486))
		}
		return calls
	}
	require.Equal(t, 3, densest(at(0, 500, 994, 996, 1600)), "994 belongs to the second of 0, 996 within the tolerance does not")
	require.Equal(t, 4, densest(at(2000, 0, 1100, 1200, 1300)), "order of arrival plays no part")
}

func TestListHoldsWhatItSays(t *testing.T) {
	l := newList()
	require.Len(t, l.Numbers, recipients)
	require.Equal(t, recipients+l.Duplicates+l.Invalid+l.Emergency, l.Rows)
	seen := make(map[avanak.Number]int)
	faults := make(map[string]int)
	rows := splitLines(l.CSV)
	require.Equal(t, "number", rows[0])
	for _, row := range rows[1:] {
		n, err := avanak.ParseNumber(row)
		if err != nil {
			faults[avanak.NumberFault(err)]++
			continue
		}
		seen[n]++
	}
	require.Len(t, rows[1:], l.Rows)
	require.Equal(t, map[string]int{"invalid": l.Invalid, "emergency": l.Emergency}, faults)
	again := 0
	for _, n := range l.Numbers {
		require.Positive(t, seen[n])
		again += seen[n] - 1
	}
	require.Equal(t, l.Duplicates, again)
	require.Len(t, seen, recipients)
	require.Contains(t, l.Numbers, l.Suppressed)
	for way := range 6 {
		n, err := avanak.ParseNumber(spell(firstRecipient, way))
		require.NoError(t, err)
		require.Equal(t, firstRecipient, n)
	}
}

func TestFastPeopleAnswer(t *testing.T) {
	behave := people()
	for i := range avanak.Number(fastMessages) {
		require.Equal(t, 200, statusOf(behave((firstFast+i).E164(), 1)))
	}
}

func TestTheClipIsWhole(t *testing.T) {
	require.Equal(t, "RIFF", string(speech[:4]))
	require.Equal(t, "data", string(speech[wavHead-8:wavHead-4]))
	require.Equal(t, 2*len(speechALaw), len(speech)-wavHead)
	require.Zero(t, len(golden())%avanak.FrameBytes)
}
