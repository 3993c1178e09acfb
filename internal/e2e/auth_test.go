package e2e

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/internal/peers"
	"github.com/avanak/avanak/sip"
	"github.com/avanak/avanak/sip/digest"
	"github.com/avanak/avanak/sip/siptest"
)

// The credentials that loadtest/scenarios/auth.xml asks for, and the proxies below.
const (
	user     = "avanak"
	password = "verysecret"
)

// with gives the trunk credentials.
func with(password string) func(*sip.Config) {
	return func(cfg *sip.Config) { cfg.Auth = digest.Credentials{Username: user, Password: password} }
}

// SIPp computes the digest by itself: its scenario passes only with the right one.
func TestSIPpAsksForCredentials(t *testing.T) {
	t.Parallel()
	uas := peers.SIPp(t, "auth", "-d", ringText)
	hangUp(t, answered(t, newAgent(t, uas.Addr(), with(password))))
	uas.Wait()
}

func TestKamailioAsksForCredentials(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			farm := newFarm(t, siptest.Behaviour{AnswerAfter: 100 * time.Millisecond})
			proxy := peers.Kamailio(t, peers.Route{To: []netip.AddrPort{farm.Addr()}, User: user, Password: password,
				Algorithm: algorithm})
			c := answered(t, newAgent(t, proxy.Addr(), with(password)))
			hangUp(t, c)
			heard := seen(t, farm, c.CallID(), siptest.Call.Ended)
			require.Len(t, heard.Invites, 1, "the challenge was the proxy's: one INVITE got through")
			require.False(t, heard.Invites[0].Authorized, "the credentials are the proxy's, it keeps them")
			relayed(t, proxy, farm.Addr(), "INVITE", "ACK", "BYE")
		})
	}
}

// Nobody's phone rings, and we do not try for ever.
func TestKamailioTurnsWrongCredentialsAway(t *testing.T) {
	for name, change := range map[string]func(*sip.Config){"wrong password": with("guessed"), "none": func(*sip.Config) {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			farm := newFarm(t, siptest.Behaviour{})
			proxy := peers.Kamailio(t, peers.Route{To: []netip.AddrPort{farm.Addr()}, User: user, Password: password})
			res := place(t, newAgent(t, proxy.Addr(), change), wait)
			require.Equal(t, sip.Refused.String(), res.End.String(), "%v", res.Err)
			require.Equal(t, 407, res.Status)
			require.Zero(t, farm.Counts().Datagrams)
		})
	}
}
