package call

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip"
)

func TestFinalResponseIsAnOutcome(t *testing.T) {
	for outcome, rows := range map[avanak.Outcome][][2]int{ // status, Q.850 cause (0: none)
		avanak.Busy:     {{486, 0}, {600, 0}, {486, 17}, {503, 17}, {480, 17}, {486, 16}, {486, 127}, {600, 16}},
		avanak.NoAnswer: {{408, 0}, {480, 0}, {487, 0}, {491, 0}, {480, 18}, {480, 19}, {500, 20}, {480, 31}, {480, 16}, {503, 18}},
		avanak.Rejected: {{603, 0}, {607, 0}, {608, 0}, {603, 21}, {403, 21}, {603, 16}},
		avanak.InvalidNumber: {{404, 0}, {410, 0}, {416, 0}, {484, 0}, {604, 0}, {404, 1}, {503, 1}, {404, 2}, {404, 3}, {410, 22},
			{484, 28}, {404, 16}},
		avanak.Congestion: {{500, 0}, {501, 0}, {502, 0}, {503, 0}, {504, 0}, {580, 0}, {599, 0}, {429, 0}, {503, 34}, {503, 38}, {503, 41},
			{503, 42}, {404, 34}, {486, 43}, {503, 44}, {503, 47}, {504, 102}, {503, 16}, {503, 127}},
		avanak.Failed: {{300, 0}, {302, 0}, {400, 0}, {401, 0}, {403, 0}, {407, 0}, {420, 0}, {488, 0}, {499, 0}, {505, 0}, {513, 0}, {606, 0},
			{699, 0}, {0, 0}, {488, 88}, {503, 57}, {503, 63}, {488, 65}, {488, 79}, {500, 95}, {500, 96}, {500, 97}, {500, 98}, {500, 99},
			{500, 100}, {500, 111}, {403, 16}},
	} {
		for _, row := range rows {
			require.Equal(t, outcome.String(), classify(row[0], row[1]).String(), "status %d, cause %d", row[0], row[1])
		}
	}
}

func TestEveryCauseThatIsKnownBeatsTheStatus(t *testing.T) {
	for cause, outcome := range byCause {
		require.Positive(t, cause)
		require.Less(t, cause, 128)
		for _, status := range []int{404, 480, 486, 503, 603} {
			require.Equal(t, outcome, classify(status, cause), "status %d, cause %d", status, cause)
		}
	}
}

func TestEndWithoutAnAnswerIsAnOutcome(t *testing.T) {
	heard := sip.Timing{FirstProvisional: time.Now()}
	for _, tt := range []struct {
		end  sip.Result
		want avanak.Outcome
	}{
		{sip.Result{End: sip.NotSent}, avanak.Congestion},
		{sip.Result{End: sip.RingLimit, Timing: heard}, avanak.NoAnswer},
		{sip.Result{End: sip.RingLimit, Timing: heard, Late: true}, avanak.Partial},
		{sip.Result{End: sip.Cancelled, Timing: heard}, avanak.Aborted},
		{sip.Result{End: sip.Cancelled, Status: 487}, avanak.Aborted},
		{sip.Result{End: sip.Cancelled, Timing: heard, Late: true}, avanak.Partial},
		{sip.Result{End: sip.Cancelled}, avanak.Uncertain},
		{sip.Result{End: sip.Silent}, avanak.Uncertain},
		{sip.Result{End: sip.Broken}, avanak.Uncertain},
		{sip.Result{End: sip.End(99)}, avanak.Uncertain},
	} {
		outcome, detail := unanswered(tt.end)
		require.Equal(t, tt.want.String(), outcome.String(), "%+v", tt.end)
		require.NotEmpty(t, detail)
	}
}
