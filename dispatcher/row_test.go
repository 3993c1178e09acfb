package dispatcher

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// Refusals are back at once, callees take their time: a few numbers that the carrier will not reach must not close a trunk
// that serves all others, neither while its first callees still ring nor while the others listen.
func TestRefusedNumbersAmongManyDoNotCloseTheTrunk(t *testing.T) {
	for name, no := range map[string]far{
		"barred":      refusal(avanak.ClassFault, 403, 0),
		"unreachable": refusal(avanak.ClassCongestion, 503, 0),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, avanak.Trunk{Name: "a", CPS: 50, Channels: 5000})
				b.d.cfg.OnTransition = func(m Transition) { t.Errorf("to %s: %s", m.To, m.Why) }
				b.feed("c1", many, false)
				n := 0
				b.serve(2*time.Minute, func(s start) (avanak.Report, time.Duration) {
					if n++; n%10 == 0 {
						return no(s)
					}
					said := s.at.Add(8 * time.Second)
					return avanak.Report{Class: avanak.ClassAnswered, Result: avanak.Result{SIP: 200},
						Timeline: avanak.Timeline{Answered: said}}, 40 * time.Second
				})
				require.Greater(t, len(b.started), 5000)
			})
		})
	}
}
