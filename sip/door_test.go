package sip

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
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

// heap is the live heap, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what a finalizer or a pool held through the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // less than 2^63
}

// flooder sends from a socket of its own at the target's address, and counts what comes back.
type flooder struct {
	conn net.Conn

	mu  sync.Mutex
	got int // guarded by mu
}

func (r *rig) flooder() *flooder {
	r.t.Helper()
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, net.UDPAddrFromAddrPort(r.agent.Addr()))
	require.NoError(r.t, err)
	f := &flooder{conn: conn}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 65536)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			f.mu.Lock()
			f.got++
			f.mu.Unlock()
		}
	}()
	r.t.Cleanup(func() {
		require.NoError(r.t, conn.Close())
		<-ended
	})
	return f
}

// answers is how many datagrams came back.
func (f *flooder) answers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got
}

// send sends n datagrams, at most so many a second.
func (f *flooder) send(n, rate int, datagram func(i int) string) {
	const batch = 10
	tick := time.NewTicker(time.Second * batch / time.Duration(rate))
	defer tick.Stop()
	for i := range n {
		if i%batch == 0 {
			<-tick.C
		}
		_, _ = io.WriteString(f.conn, datagram(i)) // one that the kernel refuses is one less
	}
}

// scan is what sipvicious sends.
func (r *rig) scan(i int) string {
	return fmt.Sprintf("OPTIONS sip:100@%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK-scan%d;rport\r\nMax-Forwards: 70\r\n"+
		"To: \"sipvicious\"<sip:100@1.1.1.1>\r\nFrom: \"sipvicious\"<sip:100@1.1.1.1>;tag=%d\r\nCall-ID: scan-%d\r\nCSeq: 1 OPTIONS\r\n"+
		"User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n", r.agent.Addr(), i, i, i)
}

func TestFloodFromTheTargetsAddressDisturbsNoCall(t *testing.T) {
	const (
		sent, rate = 10_000, 5_000
		// A transaction of sipgo with its answer is some 4 kB for 64*T1: all of the flood held 37 MB, what is let in some 2.
		growth = 16 << 20
	)
	r := newRig(t)
	talking, first := r.answer()
	inv := r.invite(t.Context(), Invite{CallID: "ringing"})
	ringing := r.next("INVITE")
	r.reply(ringing, 180, "Ringing", "leg2", "")
	r.heard(1)
	before, began := heap(), time.Now()
	f, flooded := r.flooder(), make(chan struct{})
	go func() {
		defer close(flooded)
		f.send(sent, rate, r.scan)
	}()
	require.Eventually(t, func() bool { return r.metric("dropped_total", "why", "flood") > 100 }, patience, time.Millisecond)

	insist(t, func() { r.ok(ringing, "leg2") }, func() bool { return r.came("ACK") && len(inv) > 0 })
	res := r.result(inv)
	require.Equal(t, Answered, res.End)
	insist(t, func() { r.request(first, "INVITE", "leg1", 1, answerSDP) }, func() bool { return r.came("200 INVITE") })
	r.request(first, "ACK", "leg1", 1, "")
	insist(t, func() { r.request(first, "BYE", "leg1", 2, "") }, talking.over)
	require.Equal(t, avanak.Callee, talking.EndedBy())
	<-flooded

	took := time.Since(began)
	dropped := func() float64 { return r.metric("dropped_total", "why", "flood") }
	// The kernel may have dropped some, where the machine was busy.
	require.Eventually(t, func() bool { return dropped() > sent/10 }, patience, time.Millisecond)
	may := strangeBurst + int(took.Seconds()*strangeRate) + strangeRate
	require.LessOrEqual(t, f.answers(), may)
	require.Positive(t, f.answers(), "a carrier's keep-alive is answered")
	require.Less(t, heap()-before, int64(growth), "the flood is remembered")
	require.False(t, res.Call.over())
	require.LessOrEqual(t, strings.Count(r.logged(), "come too fast"), 2)
	require.InDelta(t, 0, r.metric("panics_total"), 0)
	insist(t, func() { r.request(ringing, "BYE", "leg2", 1, "") }, res.Call.over)
}

func TestFloodWithinACallIsBounded(t *testing.T) {
	const sent = 2_000
	r := newRig(t)
	talking, inv := r.answer()
	line := inv.get("From")
	r.flooder().send(sent, 5_000, func(i int) string {
		return fmt.Sprintf("OPTIONS sip:x@%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKin%d;rport\r\nMax-Forwards: 70\r\n"+
			"From: %s;tag=leg1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d OPTIONS\r\nContent-Length: 0\r\n\r\n", r.agent.Addr(), i,
			inv.get("To"), line, inv.get("Call-ID"), i+1)
	})
	require.Eventually(t, func() bool { return r.metric("dropped_total", "why", "flood") > sent/10 }, patience, time.Millisecond)
	require.False(t, talking.over())
	insist(t, func() { r.request(inv, "BYE", "leg1", sent+1, "") }, talking.over)
	require.Equal(t, avanak.Callee, talking.EndedBy())
}

// sipgo acknowledges the copies of a refusal T2 apart, each in a goroutine that waits for its turn.
func TestRefusalWithoutEndPilesNothingUp(t *testing.T) {
	const copies = 2_000
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	r.reply(inv, 486, "Busy Here", "leg1", "")
	require.Equal(t, 486, r.result(out).Status)
	running := runtime.NumGoroutine()
	for range copies {
		r.reply(inv, 486, "Busy Here", "leg1", "")
	}
	require.Eventually(t, func() bool { return r.metric("dropped_total", "why", "flood") > copies/10 }, patience, time.Millisecond)
	require.Less(t, runtime.NumGoroutine(), running+copies/10)
	r.copies(r.next("ACK"), 2) // the first copies are acknowledged
}

func TestAnswerWithoutEndIsAcknowledgedAndPilesNothingUp(t *testing.T) {
	const copies = 2_000
	r := newRig(t)
	c, inv := r.answer()
	running := runtime.NumGoroutine()
	for range copies {
		r.ok(inv, "leg1")
		r.reply(inv, 183, "Session Progress", "leg1", answerSDP)
	}
	require.Eventually(t, func() bool { return r.metric("ack_replays_total") > 0 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < running+10 }, patience, time.Millisecond)
	require.False(t, c.over())
	insist(t, func() { r.request(inv, "BYE", "leg1", 1, "") }, c.over)
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
