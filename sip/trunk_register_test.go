package sip

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

func withRegister(c *Config) {
	c.Register = Register{User: trunkUser, Domain: trunkRealm, Expires: 60 * time.Second}
	withAuth()(c)
}

// registered waits until the agent knows that it is.
func (r *rig) registered() {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.agent.Health().Usable }, patience, time.Millisecond)
	require.InDelta(r.t, 1, r.metric("registered"), 0)
}

// farewell ends the agent and returns the REGISTER that takes the binding back.
func (r *rig) farewell() message {
	r.t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- r.agent.Close(r.t.Context()) }()
	m := r.next("REGISTER")
	r.reply(m, 200, "OK", "reg", "")
	require.NoError(r.t, <-closed)
	r.agent = idleAgent(r.t)
	return m
}

func cseq(t *testing.T, m message) int {
	t.Helper()
	n, err := strconv.Atoi(strings.Fields(m.get("CSeq"))[0])
	require.NoError(t, err)
	return n
}

func TestRegistrationIsRefreshedAndTakenBackByOneCallID(t *testing.T) {
	r := newRig(t, withRegister)
	require.False(t, r.agent.Health().Usable, "no call before we are registered")
	self := r.agent.Addr().String()
	first := r.next("REGISTER")
	require.Equal(t, "REGISTER sip:"+trunkRealm+" SIP/2.0", first.start)
	require.Equal(t, "<sip:"+trunkUser+"@"+trunkRealm+">", first.get("To"))
	require.Contains(t, first.get("From"), "<sip:"+trunkUser+"@"+trunkRealm+">;tag=")
	require.Equal(t, "<sip:"+trunkUser+"@"+self+">", first.get("Contact"))
	require.Equal(t, "60", first.get("Expires"))
	r.reply(first, 401, "Who are you", "reg", "", challenge("WWW-Authenticate", trunkRealm, "n", "SHA-256"))
	second := r.next("REGISTER")
	_, ok := proves(second, "Authorization", "correct horse")
	require.True(t, ok)
	granted := time.Now()
	r.reply(second, 200, "OK", "reg", "", "Contact: <sip:other@127.0.0.7:5060>;expires=3600",
		"Contact: <sip:"+trunkUser+"@"+self+">;expires=1", "Expires: 7200")
	r.registered()
	third := r.next("REGISTER")
	require.GreaterOrEqual(t, time.Since(granted), 700*time.Millisecond, "at 80 % of our own binding's second")
	_, ok = proves(third, "Authorization", "correct horse")
	require.True(t, ok, "the nonce is known")
	r.reply(third, 200, "OK", "reg", "", "Expires: 7200")
	r.registered()
	last := r.farewell()
	require.Equal(t, "0", last.get("Expires"))
	require.Equal(t, first.get("Contact"), last.get("Contact"))
	for i, m := range []message{first, second, third, last} {
		require.Equal(t, first.get("Call-ID"), m.get("Call-ID"), "RFC 3261 section 10.2")
		require.Equal(t, i+1, cseq(t, m))
	}
	require.InDelta(t, 0, r.metric("registered"), 0)
	require.Equal(t, []string{"REGISTER", "REGISTER", "REGISTER", "REGISTER"}, r.kinds())
}

func TestWhatTheRegistrarGrants(t *testing.T) {
	for name, tt := range map[string]struct {
		headers string
		want    time.Duration
	}{
		"the expires of our Contact": {"Contact: <sip:u@127.0.0.1:5070>;expires=120\r\nExpires: 50\r\n", 2 * time.Minute},
		"among others": {"Contact: <sip:o@127.0.0.9:5070>;expires=900\r\nContact: <sip:u@127.0.0.1:5070>;expires=120\r\n" +
			"Contact: <sip:u@127.0.0.1:5080>;expires=900\r\n", 2 * time.Minute},
		"among others in one header": {"Contact: <sip:o@127.0.0.9>;expires=900, <sip:u@127.0.0.1:5070>;q=0.5;expires=120\r\n", 2 * time.Minute},
		"the Expires header":         {"Contact: <sip:u@127.0.0.1:5070>\r\nExpires: 50\r\n", 50 * time.Second},
		"what we asked for":          {"Expires: soon\r\n", time.Minute},
		"not more than a day":        {"Expires: 9999999\r\n", 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := sip.ParseMessage([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n" + tt.headers +
				"CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"))
			require.NoError(t, err)
			res, ok := m.(*sip.Response)
			require.True(t, ok)
			require.Equal(t, tt.want, granted(res, hostPort{"127.0.0.1", 5070}, 60))
		})
	}
}

func TestRegistrarWantsALongerInterval(t *testing.T) {
	r := newRig(t, withRegister)
	r.reply(r.next("REGISTER"), 423, "Interval Too Brief", "reg", "", "Min-Expires: 900")
	second := r.next("REGISTER")
	require.Equal(t, "900", second.get("Expires"))
	r.reply(second, 200, "OK", "reg", "", "Expires: 900")
	r.registered()
	r.farewell()
}

func TestRegistrationThatFailsIsTriedAgainAndStopsTheTrunkMeanwhile(t *testing.T) {
	r := newRig(t, withRegister, withAuth())
	changes := make(chan string, 16)
	r.agent.Notify(healthWords(changes))
	require.Equal(t, "false not registered: not tried yet", <-changes)
	began := time.Now()
	r.reply(r.next("REGISTER"), 403, "Forbidden", "reg", "")
	untold := "false not registered: not tried yet" // once more, with the targets
	said := <-changes
	for strings.HasPrefix(said, untold) {
		said = <-changes
	}
	require.Contains(t, said, "false not registered: registrar answered 403 Forbidden ")
	r.reply(r.next("REGISTER"), 423, "Interval Too Brief", "reg", "", "Min-Expires: 1")
	require.Contains(t, <-changes, "false not registered: registrar answered 423 without a usable Min-Expires ")
	third := r.next("REGISTER")
	require.GreaterOrEqual(t, time.Since(began), 550*time.Millisecond, "200 ms, then 400 ms: each wait is twice the last")
	r.reply(third, 200, "OK", "reg", "", "Expires: 60")
	require.Contains(t, <-changes, "true ")
	r.registered()
	r.farewell()
}

func TestRegistrarThatRefusedUsIsNotAskedAtClose(t *testing.T) {
	r := newRig(t, withRegister)
	for n := range 3 { // a wrong password
		m := r.next("REGISTER")
		r.reply(m, 401, "Who are you", "reg", "", challenge("WWW-Authenticate", trunkRealm, fmt.Sprint("n", n), "SHA-256"))
		if n == 1 {
			break
		}
	}
	require.Eventually(t, func() bool { return strings.Contains(r.agent.Health().Why, "refused") }, patience, time.Millisecond)
	require.NoError(t, r.agent.Close(t.Context()))
	r.agent = idleAgent(t)
	require.Equal(t, []string{"REGISTER", "REGISTER"}, r.kinds())
}

func TestCloseWhileTheRegistrarIsSilentTakesTheBindingBack(t *testing.T) {
	r := newRig(t, withRegister)
	first := r.next("REGISTER")
	last := r.farewell()
	require.Equal(t, "0", last.get("Expires"))
	require.Equal(t, first.get("Call-ID"), last.get("Call-ID"))
	require.Greater(t, cseq(t, last), cseq(t, first), "the registrar may get both, in whatever order")
}
