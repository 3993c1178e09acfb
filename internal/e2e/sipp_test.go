package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/sip"
)

// ring is how long SIPp's pauses are ("-d").
const (
	ring     = 300 * time.Millisecond
	ringText = "300"
)

func TestSIPpAnswersAndIsHungUp(t *testing.T) {
	for name, tt := range map[string]struct {
		scenario string
		rings    time.Duration
	}{
		"at once":            {"answer", 0},
		"after early media":  {"early_media", ring},
		"after some ringing": {"slow_answer", 3 * ring},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pause := "0"
			if tt.rings > 0 {
				pause = ringText
			}
			uas, agent := scenario(t, tt.scenario, "-d", pause)
			res := place(t, agent, wait)
			require.Equal(t, sip.Answered.String(), res.End.String())
			require.GreaterOrEqual(t, res.Timing.Answered.Sub(res.Timing.Sent), tt.rings)
			if tt.rings > 0 { // else 180 and 200 come together, and in any order
				require.False(t, res.Timing.Ringing.IsZero())
				require.Less(t, res.Timing.Ringing, res.Timing.Answered)
			}
			hangUp(t, res.Call)
			uas.Wait()
		})
	}
}

func TestSIPpRefuses(t *testing.T) {
	for name, want := range map[string]sip.Result{
		"busy":                    {Status: 486, Reason: "Busy Here", Cause: 17},
		"unavailable_retry_after": {Status: 503, Reason: "Service Unavailable", Cause: 34, RetryAfter: 30 * time.Second},
		"redirect":                {Status: 302, Reason: "Moved Temporarily"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uas, agent := scenario(t, name)
			res := place(t, agent, wait)
			uas.Wait()
			require.Equal(t, sip.Refused.String(), res.End.String(), "%v", res.Err)
			require.Equal(t, []any{want.Status, want.Reason, want.Cause, want.RetryAfter},
				[]any{res.Status, res.Reason, res.Cause, res.RetryAfter})
		})
	}
}

func TestSIPpRingsUntilItIsCancelled(t *testing.T) {
	t.Parallel()
	uas, agent := scenario(t, "no_answer")
	res := place(t, agent, ring)
	uas.Wait()
	require.Equal(t, sip.RingLimit.String(), res.End.String(), "%v", res.Err)
	require.Equal(t, 487, res.Status)
	require.False(t, res.Late)
}

func TestSIPpHangsUp(t *testing.T) {
	t.Parallel()
	uas, agent := scenario(t, "early_bye", "-d", ringText)
	hungUp(t, answered(t, agent))
	uas.Wait()
}

func TestSIPpOffersANewSession(t *testing.T) {
	t.Parallel()
	uas, agent := scenario(t, "reinvite", "-d", ringText)
	c := answered(t, agent)
	require.Contains(t, string(c.RemoteSDP()), "o=sipp 1 1 ")
	hungUp(t, c)
	require.Contains(t, string(c.RemoteSDP()), "o=sipp 1 2 ", "the session is now that of the re-INVITE")
	uas.Wait()
}

// SIPp takes no ACK but one that answers its repeated 200: if we sent the ACK only once, the scenario would fail.
func TestSIPpLosesTheACK(t *testing.T) {
	t.Parallel()
	uas, agent := scenario(t, "lost_ack", "-d", ringText)
	hungUp(t, answered(t, agent))
	uas.Wait()
}

// Many calls at once by one scenario: what a load run does.
func TestSIPpTakesManyCalls(t *testing.T) {
	t.Parallel()
	const many = 20
	uas, agent := scenario(t, "answer", "-m", "20", "-d", ringText)
	results := make(chan sip.Result, many)
	for range many {
		go func() { results <- place(t, agent, wait) }()
	}
	for range many {
		res := <-results
		require.Equal(t, sip.Answered.String(), res.End.String(), "%v", res.Err)
		hangUp(t, res.Call)
	}
	uas.Wait()
}
