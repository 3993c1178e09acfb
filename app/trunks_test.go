package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/dispatcher"
)

func TestTrunksOfWhichNoneIsUsableMakeTheGatewayUnready(t *testing.T) {
	n := newTrunkNotes([]avanak.Trunk{{Name: "a"}, {Name: "b"}})
	for _, tt := range []struct {
		trunk, to, why string
		usable         bool
		says           string
	}{
		{"a", "paused", "unauthorised", true, "paused: unauthorised"},
		{"b", "resting", "failures", true, "resting: failures"},
		{"b", "down", "no target of the trunk is up", false, "down: no target of the trunk is up"},
		{"a", "probing", "probe", false, "paused: unauthorised"}, // a probe settles nothing
		{"a", "up", "works", true, "ok"},
	} {
		n.moved(dispatcher.Transition{Trunk: tt.trunk, To: tt.to, Why: tt.why})
		require.Equal(t, tt.usable, n.usable(), tt)
		checks := map[string]string{}
		n.describe(checks)
		require.Len(t, checks, 2)
		require.Equal(t, tt.says, checks["trunk:"+tt.trunk])
	}
}
