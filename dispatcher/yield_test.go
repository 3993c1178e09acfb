package dispatcher

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// What this node cannot call now goes back: another node may, and a message whose time is over is closed, trunk or not.
func TestClaimsDoNotWaitForEverForATrunkThatIsDown(t *testing.T) {
	r := newRig(t, nil)
	r.d.Heed(avanak.Health{Trunk: "t1", Why: "no answer to OPTIONS"})
	r.run()
	m := r.message(func(m *avanak.Message) { m.Expires = m.Accepted.Add(2 * time.Second) })
	c := r.campaign(3, nil)
	r.eventually(func() bool {
		st, err := r.queue.Message(t.Context(), m.ID)
		require.NoError(t, err)
		return st.State == avanak.HasExpired
	}, "its sender learns that it was not delivered")
	var taken int
	r.eventually(func() bool { // as another node would
		claims, err := r.queue.Claim(t.Context(), c, 3)
		require.NoError(t, err)
		taken += len(claims)
		return taken == 3
	}, "another node gets them")
	require.Empty(t, r.carrier.calls())
}
