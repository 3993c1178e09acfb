package siptest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCalleeHangsUpByContact(t *testing.T) {
	f := start(t, Config{T1: 200 * time.Millisecond, Behave: func(string, int) Behaviour {
		return Behaviour{Kind: HangUp, HangUpAfter: time.Millisecond, ReasonCause: 31}
	}})
	p := newPhone(t, f)
	elsewhere := udp(t)
	p.contact = fmt.Sprintf("\"x\" <sip:us@%s;transport=udp>;expires=1", elsewhere.LocalAddr())
	ok := p.answered()
	bye := read(t, elsewhere)
	require.True(t, strings.HasPrefix(string(bye), fmt.Sprintf("BYE sip:us@%s;transport=udp SIP/2.0\r\n",
		elsewhere.LocalAddr())), "%s", bye)
	require.Equal(t, ok.value("To"), bye.value("From"))
	require.Equal(t, ok.value("From"), bye.value("To"))
	require.Equal(t, "Q.850;cause=31", bye.value("Reason"))
	require.Equal(t, bye, read(t, elsewhere), "repeated until answered")
	p.write("SIP/2.0 200 OK", "Via: "+bye.value("Via"), "From: "+bye.value("From"), "To: "+bye.value("To"),
		"Call-ID: "+bye.value("Call-ID"), "CSeq: "+bye.value("CSeq"), "Content-Length: 0", "", "")
	c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
	require.NoError(t, err)
	require.Equal(t, Callee, c.ByeBy)
	require.Equal(t, 200, c.ByeStatus)
}

func TestCalleeHangsUpThroughTheRouteSet(t *testing.T) {
	f := start(t, all(Behaviour{Kind: HangUp, HangUpAfter: time.Millisecond}))
	p := newPhone(t, f)
	proxy := udp(t)
	p.contact = "<sip:us@host.invalid>"
	route := fmt.Sprintf("<sip:%s;lr>", proxy.LocalAddr())
	p.extra = []string{"Record-Route: " + route + ", <sip:192.0.2.1;lr>"}
	ok := p.answered()
	require.Equal(t, route+", <sip:192.0.2.1;lr>", ok.value("Record-Route"))
	bye := string(read(t, proxy))
	require.Contains(t, bye, "BYE sip:us@host.invalid SIP/2.0\r\n")
	require.Contains(t, bye, "Route: "+route+"\r\nRoute: <sip:192.0.2.1;lr>\r\n")
}

func TestCalleeHangsUpToTheSourceWhereContactIsNoAddress(t *testing.T) {
	f := start(t, all(Behaviour{Kind: HangUp, HangUpAfter: time.Millisecond}))
	p := newPhone(t, f)
	p.contact = "<sip:us@host.invalid>"
	ok := p.answered()
	p.await("BYE sip:us@host.invalid SIP/2.0\r\n")
	// Glare: our own BYE crosses; it is answered, and the call was ended by the callee.
	p.bye(ok)
	p.await("SIP/2.0 200")
	c, _ := f.Call(p.callID)
	require.Equal(t, Callee, c.ByeBy)
	require.Equal(t, 1, c.Byes)
}

func TestCalleeWaitsForTheAckBeforeItHangsUp(t *testing.T) {
	f := start(t, all(Behaviour{Kind: HangUp, HangUpAfter: time.Nanosecond}))
	p := newPhone(t, f)
	p.invite()
	ok := p.await("SIP/2.0 200")
	p.quiet()
	p.ack(ok)
	p.await("BYE ")
}

func TestRequestsOutsideOfDialogs(t *testing.T) {
	f := start(t, Config{})
	p := newPhone(t, f)
	ok := p.answered()
	require.NoError(t, f.WaitFor(patient(t), func(n Counts) bool { return n.Acked == 1 }))
	for _, method := range []string{"BYE", "INFO", "UPDATE", "INVITE", "CANCEL"} {
		p.request(method, "z9hG4bK-stray-"+method, p.to()+";tag=unknown", "")
		p.expect("SIP/2.0 481")
	}
	p.tag = "forged"
	p.bye(ok)
	p.expect("SIP/2.0 481")
	p.request("ACK", "z9hG4bK-stray-ack", p.to()+";tag=unknown", "")
	p.request("SUBSCRIBE", "z9hG4bK-subscribe", p.to(), "")
	require.Equal(t, allow, p.expect("SIP/2.0 405").value("Allow"))
	p.quiet()
	c, _ := f.Call(p.callID)
	require.True(t, c.ByeAt.IsZero(), "the call lives")
	require.Equal(t, 7, f.Counts().Strays)
	require.Equal(t, 1, f.Counts().Options)
}

func TestRequestsWithinADialog(t *testing.T) {
	f := start(t, Config{})
	p := newPhone(t, f)
	ok := p.answered()
	p.request("INFO", "z9hG4bK-info", ok.value("To"), "")
	p.expect("SIP/2.0 200")
	p.cseq++
	p.request("INVITE", "z9hG4bK-re", ok.value("To"), "")
	require.Equal(t, ok.body(), p.expect("SIP/2.0 200").body())
	require.Len(t, f.Invites(), 1)
}

func TestRepeatedInviteGetsTheSameResponse(t *testing.T) {
	f := start(t, Config{})
	p := newPhone(t, f)
	p.invite()
	p.invite()
	ok := p.await("SIP/2.0 200")
	p.ack(ok)
	require.NoError(t, f.WaitFor(patient(t), func(n Counts) bool { return n.Acked == 1 })) // no repeats of its own
	p.invite()
	require.Equal(t, ok, p.expect("SIP/2.0 200"))
	require.Len(t, f.Calls(), 1)
	require.Equal(t, 2, f.Invites()[0].Retransmissions)
	require.Equal(t, 2, f.Counts().Retransmissions)
}

func TestKnownCallIDInANewTransactionIsASecondCall(t *testing.T) {
	f := start(t, Config{Behave: func(_ string, nth int) Behaviour {
		if nth == 1 {
			return Behaviour{Kind: Busy}
		}
		return Behaviour{}
	}})
	p := newPhone(t, f)
	p.invite()
	p.ackRefusal(p.await("SIP/2.0 486"))
	p.branch += "-again"
	p.cseq++
	p.invite()
	p.await("SIP/2.0 200")
	calls := f.Calls()
	require.Len(t, calls, 2)
	require.Equal(t, []int{1, 2}, []int{calls[0].Nth, calls[1].Nth})
	require.False(t, calls[0].Invites[0].Repeat)
	require.True(t, calls[1].Invites[0].Repeat)
	require.Equal(t, uint32(2), f.Invites()[1].CSeq)
}

func TestDigestRetryGoesOnWithTheCall(t *testing.T) {
	f := start(t, all(Behaviour{Password: "secret"}))
	p := newPhone(t, f)
	p.invite()
	challenge := p.await("SIP/2.0 407")
	p.ackRefusal(challenge)
	_, nonce, _ := strings.Cut(challenge.value("Proxy-Authenticate"), `nonce="`)
	nonce, _, _ = strings.Cut(nonce, `"`)
	for i, password := range []string{"wrong", "secret"} {
		p.cseq++
		p.branch = fmt.Sprint("z9hG4bK-retry-", i)
		response := digest(digest("trunk", "siptest", password), nonce, "00000001", "c", "auth",
			digest("INVITE", "sip:x"))
		p.extra = []string{`Proxy-Authorization: Digest username="trunk", realm="siptest", nonce="` + nonce +
			`", uri="sip:x", qop=auth, nc=00000001, cnonce="c", response="` + response + `"`}
		p.invite()
		if password == "wrong" {
			p.ackRefusal(p.await("SIP/2.0 407"))
		}
	}
	p.await("SIP/2.0 200")
	require.Len(t, f.Calls(), 1)
	require.Len(t, f.Invites(), 3)
	require.Equal(t, 3, f.Counts().Invites)
	require.Zero(t, f.Counts().Refused)
	require.Equal(t, []bool{false, true, true}, []bool{f.Invites()[0].Authorized, f.Invites()[1].Authorized,
		f.Invites()[2].Authorized})
	p.branch = "z9hG4bK-another"
	p.cseq++
	p.invite()
	require.NoError(t, f.WaitFor(patient(t), func(n Counts) bool { return n.Calls == 2 }), "the challenge was used up")
}

// An answer that is played back, nonce count and all, is stale; the next count is well.
func TestNonceCountServesOnce(t *testing.T) {
	for _, sha := range []bool{false, true} {
		g := guard{nonce: "n", used: map[uint64]bool{}}
		hash := digest
		if sha {
			hash = digest256
		}
		try := func(nc, password string) [2]bool {
			response := hash(hash("trunk", realm, password), "n", nc, "c", "auth", hash("INVITE", "sip:x"))
			m, err := parse([]byte("INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n" +
				"To: <sip:x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nProxy-Authorization: Digest username=\"trunk\", realm=\"siptest\", " +
				"nonce=\"n\", uri=\"sip:x\", algorithm=" + algorithm(sha) + ", qop=auth, nc=" + nc + ", cnonce=\"c\", response=\"" + response + "\"\r\n\r\n"))
			require.NoError(t, err)
			ok, stale := g.authorized(m, "secret", sha)
			return [2]bool{ok, stale}
		}
		require.Equal(t, [2]bool{false, false}, try("00000001", "wrong"))
		require.Equal(t, [2]bool{true, false}, try("00000001", "secret"), "a wrong password uses no count up")
		require.Equal(t, [2]bool{false, true}, try("00000001", "secret"))
		require.Equal(t, [2]bool{true, false}, try("00000003", "secret"))
		require.Equal(t, [2]bool{true, false}, try("00000002", "secret"), "overtaken")
		require.Equal(t, [2]bool{false, false}, try("4", "secret"), "a count has eight digits")
	}
	require.Contains(t, (&guard{}).challengeLine(true, true), "algorithm=SHA-256, qop=\"auth\", stale=true")
}

// The digest of RFC 2617 §3.5's example, so that the check is not only by our own sums.
func TestDigestOfTheRFC(t *testing.T) {
	require.Equal(t, "6629fae49393a05397450978507c4ef1", digest(digest("Mufasa", "testrealm@host.com", "Circle Of Life"),
		"dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b", "auth", digest("GET", "/dir/index.html")))
}

func TestChallengeThatIsNeverMetIsARefusal(t *testing.T) {
	cfg := all(Behaviour{Password: "secret"})
	cfg.T1 = 2 * time.Millisecond
	f := start(t, cfg)
	p := newPhone(t, f)
	p.invite()
	p.await("SIP/2.0 407")
	c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
	require.NoError(t, err)
	require.Equal(t, 407, c.Status)
	require.Equal(t, 1, f.Counts().Refused)
}
