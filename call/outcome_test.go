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
		avanak.Busy:     {{486, 0}, {600, 0}, {486, 17}, {503, 17}, {480, 17}, {486, 16}, {486, 127}, {600, 16}, {603, 17}},
		avanak.NoAnswer: {{408, 0}, {480, 0}, {487, 0}, {491, 0}, {480, 18}, {480, 19}, {500, 20}, {480, 31}, {480, 16}, {503, 18}, {486, 19}, {600, 20}},
		avanak.Rejected: {{603, 0}, {603, 21}, {403, 21}, {603, 16}, {486, 21}, {699, 0}},
		avanak.Unwanted: {{607, 0}, {608, 0}, {607, 21}, {608, 21}, {608, 17}},
		avanak.InvalidNumber: {{404, 0}, {410, 0}, {416, 0}, {484, 0}, {604, 0}, {404, 1}, {503, 1}, {404, 2}, {404, 3}, {410, 22},
			{484, 28}, {404, 16}},
		avanak.Congestion: {{500, 0}, {501, 0}, {502, 0}, {503, 0}, {504, 0}, {580, 0}, {599, 0}, {429, 0}, {503, 34}, {503, 38}, {503, 41},
			{503, 42}, {404, 34}, {486, 43}, {503, 44}, {503, 47}, {504, 102}, {503, 16}, {503, 127}},
		avanak.TrunkFault: {{400, 0}, {401, 0}, {403, 0}, {407, 0}, {420, 0}, {488, 0}, {499, 0}, {505, 0}, {513, 0}, {606, 0},
			{488, 88}, {503, 57}, {503, 63}, {488, 65}, {488, 79}, {500, 95}, {500, 96}, {500, 97}, {500, 98}, {500, 99},
			{500, 100}, {500, 111}, {403, 16}, {407, 21}},
		avanak.Failed: {{300, 0}, {301, 0}, {302, 0}, {305, 0}, {380, 0}, {399, 0}, {302, 16}},
	} {
		for _, row := range rows {
			r := sip.Result{End: sip.Refused, Status: row[0], Cause: row[1], Reason: "as the far end says it"}
			r.Class = sip.Classify(r.Status, r.Cause, r.Reason)
			got, detail := unanswered(r)
			require.Equal(t, outcome.String(), got.String(), "status %d, cause %d", row[0], row[1])
			if outcome == avanak.Failed {
				require.Equal(t, "redirected to another address; not followed", detail)
			} else {
				require.Equal(t, r.Reason, detail)
			}
		}
	}
}

func TestEveryClassOfARefusalHasAnOutcome(t *testing.T) {
	for _, class := range avanak.Classes() {
		outcome, _ := refused(sip.Result{End: sip.Refused, Status: 603, Class: class})
		if class == avanak.ClassUs || class == avanak.ClassSilent {
			require.Equal(t, avanak.Uncertain.String(), outcome.String(), "%s: nobody knows whether a phone rang", class)
			continue
		}
		require.NotEqual(t, avanak.Uncertain.String(), outcome.String(), class)
		require.Equal(t, !class.Callee(), !outcome.Charged(), "%s: who pays with a try", class)
	}
	outcome, detail := refused(sip.Result{End: sip.Refused})
	require.Equal(t, []any{avanak.Uncertain, "internal fault"}, []any{outcome, detail}, "no class, no promise")
}

func TestEndWithoutAnAnswerIsAnOutcome(t *testing.T) {
	heard := sip.Timing{FirstProvisional: time.Now()}
	for _, tt := range []struct {
		end    sip.Result
		want   avanak.Outcome
		detail string
	}{
		{sip.Result{End: sip.NotSent, Class: avanak.ClassUs}, avanak.Congestion, "not sent"},
		{sip.Result{End: sip.NotSent, Class: avanak.ClassCongestion, Dead: true}, avanak.Congestion, "not sent"},
		{sip.Result{End: sip.RingLimit, Class: avanak.ClassAway, Timing: heard}, avanak.NoAnswer, "ring limit"},
		{sip.Result{End: sip.RingLimit, Class: avanak.ClassAway, Timing: heard, Status: 487}, avanak.NoAnswer, "ring limit"},
		{sip.Result{End: sip.RingLimit, Class: avanak.ClassAway, Timing: heard, Status: 486}, avanak.NoAnswer, "ring limit"},
		{sip.Result{End: sip.RingLimit, Class: avanak.ClassUnwanted, Timing: heard, Status: 608, Reason: "Rejected"}, avanak.Unwanted, "Rejected"},
		{sip.Result{End: sip.RingLimit, Class: avanak.ClassAnswered, Timing: heard, Late: true}, avanak.Partial,
			"answered after the ring limit; ended at once"},
		{sip.Result{End: sip.Cancelled, Class: avanak.ClassUs, Timing: heard}, avanak.Aborted, "shutdown"},
		{sip.Result{End: sip.Cancelled, Class: avanak.ClassUs, Status: 487}, avanak.Aborted, "shutdown"},
		{sip.Result{End: sip.Cancelled, Class: avanak.ClassUnwanted, Status: 607, Reason: "Unwanted"}, avanak.Unwanted, "Unwanted"},
		{sip.Result{End: sip.Cancelled, Class: avanak.ClassAnswered, Timing: heard, Late: true}, avanak.Partial,
			"answered while shutting down; ended at once"},
		{sip.Result{End: sip.Cancelled, Class: avanak.ClassUs}, avanak.Uncertain, "shutdown before the trunk responded"},
		{sip.Result{End: sip.Silent, Class: avanak.ClassSilent}, avanak.Uncertain, "the trunk did not respond"},
		{sip.Result{End: sip.Broken, Class: avanak.ClassUs}, avanak.Uncertain, "internal fault"},
		{sip.Result{End: sip.End(99), Class: avanak.ClassUs}, avanak.Uncertain, "internal fault"},
	} {
		outcome, detail := unanswered(tt.end)
		require.Equal(t, tt.want.String(), outcome.String(), "%+v", tt.end)
		require.Equal(t, tt.detail, detail)
	}
}

// A trunk that fails after the phone rang has disturbed somebody: the try is used up, and the wait is that of no answer.
func TestTrunkThatGivesUpOnARingingPhoneHasUsedUpATry(t *testing.T) {
	for _, class := range []avanak.Class{avanak.ClassCongestion, avanak.ClassFault} {
		r := sip.Result{End: sip.Refused, Status: 503, Class: class, Timing: sip.Timing{Sent: time.Now(), Ringing: time.Now()}}
		outcome, _ := unanswered(r)
		require.Equal(t, avanak.NoAnswer.String(), outcome.String())
		r.Timing.Ringing = time.Time{}
		outcome, _ = unanswered(r)
		require.False(t, outcome.Charged())
	}
}
