package sip

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// message is a datagram as the callee reads it.
type message struct {
	start   string
	headers [][2]string // lower-case name, value
	body    string
	from    *net.UDPAddr
	copies  int // how often it came
}

func parse(b []byte, from *net.UDPAddr) message {
	head, body, _ := strings.Cut(string(b), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := message{start: lines[0], body: body, from: from, copies: 1}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		m.headers = append(m.headers, [2]string{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
	}
	return m
}

func (m message) all(name string) []string {
	var out []string
	for _, h := range m.headers {
		if h[0] == strings.ToLower(name) {
			out = append(out, h[1])
		}
	}
	return out
}

func (m message) get(name string) string {
	if v := m.all(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// kind is the method of a request, or "200 BYE" for a response.
func (m message) kind() string {
	f := strings.Fields(m.start)
	if f[0] == "SIP/2.0" {
		_, method, _ := strings.Cut(m.get("CSeq"), " ")
		return f[1] + " " + method
	}
	return f[0]
}

func param(value, name string) string {
	_, rest, ok := strings.Cut(value, name+"=")
	if !ok {
		return ""
	}
	return strings.FieldsFunc(rest, func(r rune) bool { return r == ';' || r == '>' })[0]
}

// key is the same for copies of one message.
func (m message) key() string { return m.kind() + " " + m.branch() }

func (m message) branch() string { return param(m.get("Via"), "branch") }

// callee is a user agent server by script: it keeps all that comes, and answers only what the test says.
type callee struct {
	t    *testing.T
	conn *net.UDPConn
	done chan struct{}
	// filter, where set, takes messages that the test has no eye for. It runs in the reader's goroutine.
	filter atomic.Pointer[func(message) bool]
	line   func(to *net.UDPAddr, text string) bool // writes by a stream where to is the end of one; may be nil

	mu   sync.Mutex
	cond *sync.Cond
	log  []*message          // distinct messages in order of arrival
	seen map[string]*message // the same by branch and kind
	read int                 // how many of them were looked at by next
}

func newCallee(t *testing.T) *callee {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
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

func (u *callee) addr() string { return u.conn.LocalAddr().String() }

func (u *callee) serve() {
	defer close(u.done)
	buf := make([]byte, 65536)
	for {
		n, from, err := u.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		if m := parse(buf[:n], from); u.filter.Load() == nil || !(*u.filter.Load())(m) {
			u.keep(m)
		}
	}
}

func (u *callee) keep(m message) {
	u.mu.Lock()
	defer u.mu.Unlock()
	defer u.cond.Broadcast()
	if old := u.seen[m.key()]; old != nil {
		old.copies++
		return
	}
	u.seen[m.key()] = &m
	u.log = append(u.log, &m)
}

// wait blocks until cond holds (called with mu held); the test fails after patience.
func (u *callee) wait(what string, cond func() bool) {
	u.t.Helper()
	timer := time.AfterFunc(patience, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.cond.Broadcast()
	})
	defer timer.Stop()
	deadline := time.Now().Add(patience)
	u.mu.Lock()
	defer u.mu.Unlock()
	for !cond() {
		if time.Now().After(deadline) {
			var kinds []string
			for _, m := range u.log {
				kinds = append(kinds, m.kind())
			}
			u.t.Fatalf("no %s came; log: %v", what, kinds)
		}
		u.cond.Wait()
	}
}

// either is the next distinct message, of whatever kind.
func (u *callee) either(what string) message {
	u.t.Helper()
	var m message
	u.wait(what, func() bool {
		if u.read >= len(u.log) {
			return false
		}
		m = *u.log[u.read]
		u.read++
		return true
	})
	return m
}

// next is the next distinct message, which must be of this kind.
func (u *callee) next(kind string) message {
	u.t.Helper()
	m := u.either(kind)
	require.Equal(u.t, kind, m.kind(), m.start)
	return m
}

// copies waits until m came at least n times.
func (u *callee) copies(m message, n int) {
	u.t.Helper()
	u.wait(fmt.Sprintf("copy %d of %s", n, m.kind()), func() bool { return u.seen[m.key()].copies >= n })
}

// kinds lists all distinct messages that came.
func (u *callee) kinds() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []string
	for _, m := range u.log {
		out = append(out, m.kind())
	}
	return out
}

func (u *callee) write(to *net.UDPAddr, text string) {
	u.t.Helper()
	if u.line != nil && u.line(to, text) {
		return
	}
	_, err := u.conn.WriteToUDP([]byte(text), to)
	require.NoError(u.t, err)
}

const answerSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"

// reply answers req; tag is added to To where it has none; extra are whole header lines.
func (u *callee) reply(req message, status int, reason, tag, body string, extra ...string) {
	u.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", status, reason)
	for _, v := range req.all("Via") {
		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}
	to := req.get("To")
	if tag != "" && !strings.Contains(to, "tag=") {
		to += ";tag=" + tag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", req.get("From"), to, req.get("Call-ID"), req.get("CSeq"))
	for _, h := range extra {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	u.write(req.from, b.String())
}

func (u *callee) contact() string { return "Contact: <sip:callee@" + u.addr() + ">" }

// ok answers an INVITE with 200.
func (u *callee) ok(invite message, tag string, extra ...string) {
	u.t.Helper()
	u.reply(invite, 200, "OK", tag, answerSDP, append([]string{u.contact()}, extra...)...)
}

var branches = struct {
	sync.Mutex
	n int
}{}

// request sends an in-dialog request of the callee's to the caller of invite.
func (u *callee) request(invite message, method, tag string, seq int, body string, extra ...string) {
	u.t.Helper()
	branches.Lock()
	branches.n++
	branch := "z9hG4bKcallee" + strconv.Itoa(branches.n)
	branches.Unlock()
	u.requestWith(invite, branch, method, tag, seq, body, extra...)
}

func (u *callee) requestWith(invite message, branch, method, tag string, seq int, body string, extra ...string) {
	u.t.Helper()
	contact := strings.Trim(invite.get("Contact"), "<>")
	lines := []string{method + " " + contact + " SIP/2.0", "Via: SIP/2.0/UDP " + u.addr() + ";branch=" + branch,
		"Max-Forwards: 70", "From: " + invite.get("To") + ";tag=" + tag, "To: " + invite.get("From"),
		"Call-ID: " + invite.get("Call-ID"), fmt.Sprintf("CSeq: %d %s", seq, method), u.contact()}
	lines = append(lines, extra...)
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	u.write(invite.from, strings.Join(lines, "\r\n"))
}
