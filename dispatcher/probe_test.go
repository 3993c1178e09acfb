package dispatcher

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// A probe is a call like any other: its callee may listen for minutes. The trunk does not wait for him to hang up.
func TestLongProbeOpensTheTrunkBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, avanak.Trunk{Name: "a", CPS: 50, Channels: 5000})
		b.feed("c1", many, false)
		b.serve(time.Second, refusal(avanak.ClassCongestion, 503, 0))
		begun := time.Now()
		b.serve(2*breakFor+probeWait, func(s start) (avanak.Report, time.Duration) {
			return avanak.Report{Class: avanak.ClassAnswered, Timeline: avanak.Timeline{Answered: s.at}}, 10 * time.Minute
		})
		require.Greater(t, b.during(begun, 2*breakFor+probeWait, 1)[0], 20)
		// It fails again, and while the next probe is on its way, those of the last minute hang up: that is no news.
		b.serve(probeWait, refusal(avanak.ClassCongestion, 503, 0))
		require.Equal(t, modeResting, b.d.trunks[0].breaker.mode)
		old := permit{trunk: b.d.trunks[0], probe: true, at: begun}
		b.d.trunks[0].inUse++
		b.freed(old, avanak.Report{Class: avanak.ClassAnswered, Timeline: avanak.Timeline{Answered: begun}})
		b.read(time.Now())
		require.Equal(t, modeResting, b.d.trunks[0].breaker.mode)
	})
}
