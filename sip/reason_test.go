package sip

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

func TestQ850CauseIsReadFromReasonHeaders(t *testing.T) {
	for value, want := range map[string]int{
		"Q.850;cause=17": 17, ` q.850 ; text="User busy" ; cause = 17 `: 17, "SIP;cause=200": 0, "SIP;cause=486,Q.850;cause=21": 21,
		"Q.850": 0, "Q.850;cause=": 0, "Q.850;cause=-1": 0, "Q.850;cause=128": 0, "Q.850;cause=99999999999999999999": 0, "": 0,
	} {
		require.Equal(t, want, causeOf([]sip.Header{sip.NewHeader("Reason", value)}), value)
	}
	require.Equal(t, 34, causeOf([]sip.Header{sip.NewHeader("Reason", "SIP;cause=503"), sip.NewHeader("Reason", "Q.850;cause=34")}))
	require.Zero(t, causeOf(nil))
}

func TestRetryAfterIsReadAndBounded(t *testing.T) {
	require.Zero(t, retryAfter(nil))
	for value, want := range map[string]time.Duration{
		"5": 5 * time.Second, " 120 (in a while)": 2 * time.Minute, "18;duration=3600": 18 * time.Second, "": 0, "soon": 0, "-3": 0,
		"86401": maxRetryAfter, "99999999999999999999999": maxRetryAfter,
	} {
		require.Equal(t, want, retryAfter(sip.NewHeader("Retry-After", value)), value)
	}
}

func TestWordsNameABlockingNetwork(t *testing.T) {
	header := []sip.Header{sip.NewHeader("Reason", "SIP;cause=603"), sip.NewHeader("Reason", `Q.850;cause=21;text="x, network BLOCKED"`)}
	require.Equal(t, "Decline", words("Decline", header[:1]))
	require.Equal(t, "network blocked: Decline", words("Decline", header))
	require.Equal(t, "Network Blocked", words("Network Blocked", header), "once is enough")
	long := strings.Repeat("x", maxReason) + " Network Blocked"
	require.True(t, blocked(words(long, nil)), "what is cut off is not lost")
	require.LessOrEqual(t, len(words(long, header)), maxReason)
}

func FuzzReasonHeaders(f *testing.F) {
	f.Add(`Q.850;cause=17;text="User busy, really"`, "Busy Here")
	f.Add("SIP;cause=200,Q.850;cause", "No +989120000001\x00\r\n")
	f.Fuzz(func(t *testing.T, header, reason string) {
		cause := causeOf([]sip.Header{sip.NewHeader("Reason", header)})
		require.True(t, cause >= 0 && cause < 128)
		after := retryAfter(sip.NewHeader("Retry-After", header))
		require.True(t, after >= 0 && after <= maxRetryAfter)
		got := words(reason, []sip.Header{sip.NewHeader("Reason", header)})
		require.True(t, blocked(got) || !blocked(reason) && !blocked(header))
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), maxReason+utf8.UTFMax)
		require.False(t, strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }))
	})
}
