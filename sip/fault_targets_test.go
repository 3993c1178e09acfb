package sip

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The dispatcher sends a call that one target refuses to another only where it knows of one: from the start, and where
// nobody is asked by OPTIONS as well.
func TestTargetsAreReportedBeforeTheFirstKeepAlive(t *testing.T) {
	for name, options := range map[string]time.Duration{"keep-alives": 0, "none": -1} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Targets, c.Options = append(c.Targets, "127.0.0.2:5060"), options })
			require.Eventually(t, func() bool { return len(r.agent.Health().Targets) == 2 }, patience, time.Millisecond)
			require.True(t, r.agent.Health().Usable)
		})
	}
}
