package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/internal/peers"
)

// A softphone that others wrote answers, decodes and records: what it has on its disk is what a person would have heard.
func TestBaresipHearsTheClip(t *testing.T) {
	phone := peers.Baresip(t, calleeUser)
	const length = 2 * time.Second
	_, report := attempt(t, phone.Addr(), tone(t, length))
	require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String(), report.Detail)
	require.Equal(t, length, report.Result.Played)
	require.Equal(t, avanak.Us, report.Ended)

	require.Eventually(t, func() bool { return len(phone.Recordings()) == 1 }, wait, 10*time.Millisecond)
	heard := sounding(recorded(t, phone.Recordings()[0]))
	// The softphone's jitter buffer may drop the first or last frames, and a stall of this machine stretches the rest.
	const few = 200 * time.Millisecond
	require.GreaterOrEqual(t, time.Duration(len(heard))*time.Second/rate, length-few)
	require.Greater(t, share(heard, frequency), 0.9)
}
