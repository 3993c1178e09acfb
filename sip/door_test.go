package sip

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// newStranger is a peer at another address than the trunk's target.
func newStranger(t *testing.T, ip string) *callee {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	require.NoError(t, err)
	u := &callee{t: t, conn: conn, done: make(chan struct{}), seen: make(map[string]*message)}
	u.cond = sync.NewCond(&u.mu)
	go u.serve()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-u.done
	})
	return u
}

// outside is a message that request takes for the INVITE of a dialog, though there is none: what is sent for it is a
// request of nobody's.
func (r *rig) outside(callID string) message {
	return message{headers: [][2]string{{"contact", "<sip:x@" + r.agent.Addr().String() + ">"}, {"to", "<sip:a@b>"},
		{"from", "<sip:02191000000@127.0.0.1>"}, {"call-id", callID}}, from: net.UDPAddrFromAddrPort(r.agent.Addr())}
}

// remembered is what sipgo keeps of peers: the entries of its UDP pool.
func (r *rig) remembered() int { return r.agent.ua.TransportLayer().Pool("udp").Size() }

// insist does send again and again until ok: in a flood the kernel may drop a datagram, as it may on the way.
func insist(t *testing.T, send func(), ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		send()
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if ok() {
				return
			}
		}
		require.True(t, time.Now().Before(deadline), "what was insisted on did not come")
	}
}

// came tells whether a message of this kind came.
func (u *callee) came(kind string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, m := range u.log {
		if m.kind() == kind {
			return true
		}
	}
	return false
}

func TestStrangersAreNotHeard(t *testing.T) {
	r := newRig(t)
	talking, inv := r.answer()
	out := r.invite(t.Context(), Invite{CallID: "ringing"})
	ringing := r.next("INVITE")
	r.reply(ringing, 180, "Ringing", "leg1", "")
	r.heard(1)
	s := newStranger(t, "127.0.0.2")
	peers, running := r.remembered(), runtime.NumGoroutine()
	kinds := []struct {
		name string
		send func()
	}{
		{"INVITE", func() { s.request(r.outside("scan"), "INVITE", "s", 1, answerSDP) }},
		{"OPTIONS", func() { s.request(r.outside("scan"), "OPTIONS", "s", 1, "", "User-Agent: friendly-scanner") }},
		{"REGISTER", func() { s.request(r.outside("scan"), "REGISTER", "s", 1, "") }},
		{"SUBSCRIBE", func() { s.request(r.outside("scan"), "SUBSCRIBE", "s", 1, "") }},
		{"BYE of a call", func() { s.request(inv, "BYE", "leg1", 1, "") }},
		{"re-INVITE of a call", func() { s.request(inv, "INVITE", "leg1", 2, answerSDP) }},
		{"CANCEL of our INVITE", func() { s.requestWith(ringing, ringing.branch(), "CANCEL", "leg1", 1, "") }},
		{"200 of our INVITE", func() { s.ok(ringing, "leg1") }},
		{"486 of our INVITE", func() { s.reply(ringing, 486, "Busy Here", "leg1", "") }},
		{"an answer of an earlier life", func() { s.ok(withHeader(ringing, "call-id", "foreign"), "leg1") }},
		{"no SIP at all", func() { s.write(inv.from, "\x00\x01hello") }},
	}
	for i, k := range kinds {
		const times = 20
		for range times {
			k.send()
		}
		require.Eventually(t, func() bool { return r.metric("dropped_total", "why", "stranger") >= float64(times*(i+1)) }, patience,
			time.Millisecond, k.name)
	}
	require.False(t, talking.over())
	require.Equal(t, peers, r.remembered(), "something is remembered of a stranger")
	require.LessOrEqual(t, runtime.NumGoroutine(), running+5, "transactions of strangers run")
	for _, name := range []string{"malformed_requests_total", "callbacks_total", "library_warnings_total", "late_2xx_total", "panics_total"} {
		require.InDelta(t, 0, r.metric(name), 0, name)
	}
	require.InDelta(t, 220, r.metric("dropped_total"), 0)
	require.Equal(t, 1, strings.Count(r.logged(), "unknown address"), "one line in ten seconds")
	require.Contains(t, r.logged(), "source=127.0.0.2")

	r.reply(ringing, 486, "Busy Here", "leg1", "")
	require.Equal(t, 486, r.result(out).Status)
	r.next("ACK")
	r.hangup(talking)
	require.Empty(t, s.kinds(), "a stranger was answered")
}

// withHeader is m with another value of a header.
func withHeader(m message, name, value string) message {
	m.headers = append([][2]string{{name, value}}, removeHeader(m.headers, name)...)
	return m
}

func TestSourcesLetFurtherAddressesIn(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Sources = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/31")} })
	known, stranger := newStranger(t, "127.0.0.3"), newStranger(t, "127.0.0.4")
	stranger.request(r.outside("one"), "OPTIONS", "s", 1, "")
	known.request(r.outside("two"), "OPTIONS", "s", 1, "")
	known.next("200 OPTIONS")
	c, inv := r.answer()
	known.request(inv, "BYE", "leg1", 1, "") // a carrier's other border element
	known.next("200 BYE")
	r.ended(c)
	require.InDelta(t, 1, r.metric("dropped_total", "why", "stranger"), 0)
	require.Empty(t, stranger.kinds())
}

func TestStrangersDoNotConnect(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Oversize = SwitchTCP })
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: patience}
	for n := range 5 {
		conn, err := d.DialContext(t.Context(), "tcp4", r.agent.Addr().String())
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		_, _ = io.WriteString(conn, "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\n\r\n") // may come too late
		b, _ := io.ReadAll(conn)                                               // a reset is an end too
		require.Empty(t, b)
		require.NoError(t, conn.Close())
		require.Eventually(t, func() bool { return r.metric("dropped_total", "why", "stranger") >= float64(n+1) }, patience, time.Millisecond)
	}
	require.Equal(t, 1, strings.Count(r.logged(), "unknown address"))
}

func TestForgedMessagesOfTheTargetDoNotTouchTheCall(t *testing.T) {
	r := newRig(t)
	talking, inv := r.answer()
	r.request(inv, "BYE", "forged", 1, "")
	r.next("481 BYE")
	r.request(withHeader(inv, "to", ""), "BYE", "", 2, "") // no tag at all
	require.Eventually(t, func() bool { return r.metric("malformed_requests_total")+r.metric("library_warnings_total") > 0 }, patience, time.Millisecond)
	out := r.invite(t.Context(), Invite{CallID: "ringing"})
	var ringing message
	require.Eventually(t, func() bool { ringing = r.either("INVITE"); return ringing.kind() == "INVITE" }, patience, time.Millisecond)
	r.reply(ringing, 180, "Ringing", "leg2", "")
	r.heard(1)
	r.requestWith(ringing, ringing.branch(), "CANCEL", "leg2", 1, "") // of our own INVITE
	r.next("481 CANCEL")
	forged := withHeader(ringing, "from", "<sip:02191000000@127.0.0.1>;tag=forged")
	r.ok(forged, "forged")
	r.ok(withHeader(ringing, "call-id", "other"), "forged")
	r.reply(withHeader(ringing, "cseq", "1 BYE"), 200, "OK", "leg2", "")
	r.ok(ringing, "leg2") // the true one
	res := r.result(out)
	require.Equal(t, Answered, res.End)
	require.Contains(t, r.next("ACK").get("To"), "tag=leg2")
	require.False(t, talking.over())
	r.hangup(talking)
	r.hangup(res.Call)
}

func TestResponseThatCannotLeaveDoesNotFloodTheLog(t *testing.T) {
	r := newRig(t)
	for n := range 20 {
		r.write(net.UDPAddrFromAddrPort(r.agent.Addr()), strings.Replace(strings.Replace(r.scan(n), ":5060;", ":99999;", 1), ";rport", "", 1))
	}
	require.Eventually(t, func() bool { return strings.Contains(r.logged(), "response did not leave") }, patience, time.Millisecond)
	r.request(r.outside("last"), "OPTIONS", "s", 1, "")
	r.next("200 OPTIONS")
	require.LessOrEqual(t, strings.Count(r.logged(), "response did not leave"), 2)
}

func TestHeadOfAResponse(t *testing.T) {
	const text = "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\nTo : <sip:c@d>;tag=2\r\n" +
		"CALL-ID: x\r\nCSeq: 1 INVITE\r\n\r\nVia: in the body"
	r := idleAgent(t)
	of := func(s string) (head, bool) { return headOf(r.door.seed, []byte(s)) }
	first, ok := of(text)
	require.True(t, ok)
	require.True(t, first.refusal)
	again, _ := of(strings.Replace(text, "Busy Here", "Still busy", 1))
	require.Equal(t, first.key, again.key)
	for _, change := range [][2]string{{"486", "487"}, {"bK1", "bK2"}, {"1 INVITE", "2 INVITE"}} {
		other, ok := of(strings.Replace(text, change[0], change[1], 1))
		require.True(t, ok)
		require.NotEqual(t, first.key, other.key, change)
	}
	answered, ok := of(strings.Replace(text, "486", "200", 1))
	require.True(t, ok && !answered.refusal)
	for _, name := range []string{"Via: ", "f: ", "To : ", "CALL-ID: ", "CSeq: "} {
		_, ok := of(strings.Replace(text, name, "X-"+name, 1))
		require.False(t, ok, name)
	}
	for _, status := range []string{"000", "099", "700", "48", "4860", "abc", ""} {
		_, ok := of(strings.Replace(text, "486", status, 1))
		require.False(t, ok, status)
	}
}

func TestCallIDIsFoundWithoutParsing(t *testing.T) {
	for text, want := range map[string]string{
		"BYE sip:x SIP/2.0\r\nCall-ID: one\r\n\r\n":                   "one",
		"BYE sip:x SIP/2.0\r\nI :\t two \r\n\r\n":                     "two",
		"BYE sip:x SIP/2.0\r\nCALL-id:three":                          "three",
		"BYE sip:x SIP/2.0\r\nInfo: no\r\nCall-IDs: no\r\ni:four\r\n": "four",
		"BYE sip:x SIP/2.0\r\n\r\nCall-ID: in the body\r\n":           "",
		"Call-ID: on the first line\r\n":                              "",
		"":                                                            "",
	} {
		require.Equal(t, want, string(callIDOf([]byte(text))), "%q", text)
	}
}

func FuzzCallIDOf(f *testing.F) {
	f.Add([]byte("BYE sip:x SIP/2.0\r\nCall-ID: one\r\n\r\n"))
	f.Add([]byte("SIP/2.0 200 OK\r\ni : x\r\nVia: y\r\nf:\r\nt:\r\nCSeq: 1 A\r\n\r\n"))
	f.Add([]byte("\ni:\n\ni\n\ncall-id:"))
	agent, err := New(Config{Name: "fuzz", Targets: []string{"127.0.0.1"}, Callers: []string{"0219100"}}, discard, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, b []byte) {
		id := callIDOf(b)
		require.True(t, bytes.Contains(b, id))
		require.False(t, bytes.ContainsAny(id, "\r\n"))
		first, ok := headOf(agent.door.seed, b)
		again, same := headOf(agent.door.seed, b)
		require.Equal(t, ok, same)
		require.Equal(t, first, again)
		agent.door.admits(netip.MustParseAddrPort("127.0.0.1:5060"), b)
	})
}
