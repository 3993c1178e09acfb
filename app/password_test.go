package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

// wary is a carrier that asks for a password, and its callees answer.
func wary(string, int) siptest.Behaviour {
	return siptest.Behaviour{AnswerAfter: 30 * time.Millisecond, Password: "right", SHA256: true}
}

// auth is a trunk's credentials, with the password in a file of the data directory.
func auth(t *testing.T, data, password string) string {
	t.Helper()
	file := filepath.Join(data, "password")
	require.NoError(t, os.WriteFile(file, []byte(password+"\n"), 0o600))
	return fmt.Sprintf("auth: {username: avanak, password_file: %q}", file)
}

// A wrong password costs a campaign of hundreds a handful of INVITEs and no recipient a try. With the right one it goes on,
// and every call but the first ones is one INVITE.
func TestWrongPasswordPausesTheTrunk(t *testing.T) {
	t.Parallel()
	const n = 200
	s := newScene(t, 100*time.Millisecond, wary)
	data := t.TempDir()
	only := to("only", auth(t, data, "wrong"), s.farm)
	only.cps = 50
	gateway := s.serve(data, only)
	s.campaign(gateway.customer(), n, client.CampaignRequest{})
	eventually(t, func() bool { return gateway.metric(`avanak_trunk_state{state="paused",trunk="only"}`) == 1 }, "the trunk is paused")
	eventually(t, func() bool {
		at, err := gateway.customer().Campaign(bounded(t), s.id)
		return err == nil && s.history().open() == 0 && at.Attempts > 0
	}, "what was on its way has ended")

	// The first final refusal pauses the trunk. Until it is here, calls go at the trunk's pace, each of two INVITEs (one that
	// is challenged, one with credentials): CPS × the time of two round trips, and the call that learns it. A round trip
	// on loopback that takes a second would be a machine that does nothing at all.
	refused := s.history()
	bound := int(only.cps)
	require.LessOrEqual(t, s.farm.Counts().Invites, bound)
	for _, call := range s.farm.Calls() {
		require.LessOrEqual(t, len(call.Invites), 2, "INVITEs of one call")
		require.Equal(t, 407, refused.closed[try{refused.intents[call.CallID].Ordinal, 1}].Result.SIP)
	}
	for _, e := range refused.closed {
		require.Equal(t, avanak.TrunkFault, e.Outcome, "an outcome that is not charged")
		require.False(t, e.State.Terminal(), "the recipient waits for another attempt")
	}
	invites := s.farm.Counts().Invites
	require.Never(t, func() bool { return s.farm.Counts().Invites > invites }, 2*time.Second, poll, "a paused trunk is called")

	status, body := get(t, gateway.said(`(?m)^admin: (\S+)`)+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status, "no trunk is usable")
	require.Contains(t, body, `"trunk:only":"paused: unauthorised"`)

	gateway.signal(syscall.SIGTERM)
	gateway.awaitEnd()
	only.more = auth(t, data, "right")
	before := len(s.farm.Calls())
	gateway = s.serve(data, only)
	// Those who met the wrong password wait out their minute; everybody else is called at once.
	eventually(t, func() bool {
		at, err := gateway.customer().Campaign(bounded(t), s.id)
		return err == nil && at.States["delivered"] >= n-len(refused.closed)
	}, "the campaign goes on")
	calls := s.farm.Calls()[before:]
	for _, call := range calls[1:] {
		require.Equal(t, 200, call.Status)
		if call.InviteAt.After(calls[0].AnsweredAt.Add(time.Second)) { // ample for our side to have taken the answer in
			require.Len(t, call.Invites, 1, "INVITEs of a call once a nonce is known")
		}
	}
	twice := 0
	for _, call := range calls {
		twice += len(call.Invites) - 1
	}
	t.Logf("%d calls refused by %d INVITEs; then %d calls, %d of them challenged", len(refused.closed), invites, len(calls), twice)
	s.within(only, s.farm)
}
