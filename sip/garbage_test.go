package sip

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// garbled is a response to an INVITE before it is written: its start line and headers, and its body.
type garbled struct {
	lines []string
	body  string
}

func answerOf(invite message, contact string) garbled {
	return garbled{lines: []string{"SIP/2.0 200 OK", "Via: " + invite.get("Via"), "From: " + invite.get("From"),
		"To: " + invite.get("To") + ";tag=leg1", "Call-ID: " + invite.get("Call-ID"), "CSeq: " + invite.get("CSeq"), contact,
		"Content-Type: application/sdp", "Content-Length: " + strconv.Itoa(len(answerSDP))}, body: answerSDP}
}

func (g garbled) String() string { return strings.Join(g.lines, "\r\n") + "\r\n\r\n" + g.body }

// without leaves a header out.
func without(name string) func(garbled) string {
	return func(g garbled) string {
		g.lines = slices.DeleteFunc(g.lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
		return g.String()
	}
}

// with puts a line in the place of a header, or of the start line where there is no such header.
func with(name, line string) func(garbled) string {
	return func(g garbled) string {
		i := max(0, slices.IndexFunc(g.lines, func(l string) bool { return strings.HasPrefix(l, name+":") }))
		g.lines[i] = line
		return g.String()
	}
}

// more adds lines.
func more(lines ...string) func(garbled) string {
	return func(g garbled) string {
		g.lines = append(g.lines, lines...)
		return g.String()
	}
}

// sized gives the answer a body of n bytes that begins as a session description does.
func sized(n int) func(garbled) string {
	return func(g garbled) string {
		g.body = answerSDP + strings.Repeat("a=x\r\n", n/5)
		return with("Content-Length", "Content-Length: "+strconv.Itoa(len(g.body)))(g)
	}
}

// compact writes all headers in their short forms.
func compact(g garbled) string {
	text, _, _ := strings.Cut(g.String(), "\r\n\r\n")
	return strings.NewReplacer("\r\nVia:", "\r\nv:", "\r\nFrom:", "\r\nf:", "\r\nTo:", "\r\nt:", "\r\nCall-ID:", "\r\ni:", "\r\nContact:",
		"\r\nm:", "\r\nContent-Type:", "\r\nc:", "\r\nContent-Length:", "\r\nl:").Replace(text) + "\r\n\r\n" + g.body
}

// How bad input is counted.
const (
	byDoor    = "dropped_total"
	byLibrary = "library_warnings_total"
)

// answers that are bad in one way each. Those that are counted are no answers: the call ends in silence, and its class
// says so, for whether the phone rang is not known. The others are answers all the same.
var badAnswers = []struct {
	name    string
	write   func(garbled) string
	counted string
}{
	{"no Via", without("Via"), byDoor},
	{"no From", without("From"), byDoor},
	{"no To", without("To"), byDoor},
	{"no Call-ID", without("Call-ID"), byDoor},
	{"no CSeq", without("CSeq"), byDoor},
	{"status 000", with("", "SIP/2.0 000 Zero"), byDoor},
	{"status 099", with("", "SIP/2.0 099 Less"), byDoor},
	{"status 700", with("", "SIP/2.0 700 More"), byDoor},
	{"status of ten digits", with("", "SIP/2.0 4294967301 OK"), byDoor},
	{"status in letters", with("", "SIP/2.0 OK 200"), byDoor},
	{"start line only", func(garbled) string { return "SIP/2.0 200 OK\r\n\r\n" }, byDoor},
	{"NULs only", func(garbled) string { return "\x00\x00\x00\x00" }, ""},
	{"negative length", with("Content-Length", "Content-Length: -1"), byLibrary},
	{"huge length", with("Content-Length", "Content-Length: 99999999"), byLibrary},
	{"length past 32 bits", with("Content-Length", "Content-Length: 4294967296"), byLibrary},
	{"length past 64 bits", with("Content-Length", "Content-Length: 18446744073709551616"), byLibrary},
	{"length in letters", with("Content-Length", "Content-Length: many"), byLibrary},
	{"length beyond the end", with("Content-Length", "Content-Length: 5000"), byLibrary},
	{"CSeq past 31 bits", with("CSeq", "CSeq: 4294967296 INVITE"), byLibrary},
	{"CSeq without method", with("CSeq", "CSeq: 1"), byLibrary},
	{"Via of nothing", with("Via", "Via: ;;,;,,"), byLibrary},
	{"To without an end", with("To", `To: "x <sip:x@127.0.0.1`), byLibrary},
	{"60 kB of a header", more("X-Long: " + strings.Repeat("x", 60_000)), byLibrary},
	{"60 kB of session description", sized(60_000), byLibrary},
	{"bare line feeds", func(g garbled) string { return strings.ReplaceAll(g.String(), "\r\n", "\n") }, byLibrary},
	{"a header without a colon", more("nonsense"), byLibrary},
	{"of another call", with("Call-ID", "Call-ID: another"), ""},
	{"of another caller", with("From", "From: <sip:x@127.0.0.1>;tag=forged"), ""},
	{"of another method", with("CSeq", "CSeq: 1 BYE"), ""},

	{"no Contact", without("Contact"), taken},
	{"no length", without("Content-Length"), taken},
	{"no type", without("Content-Type"), taken},
	{"length before the end", with("Content-Length", "Content-Length: 3"), taken},
	{"no reason", with("", "SIP/2.0 200 "), taken},
	{"a reason of RFC 4475", with("", "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое"), taken},
	{"NUL within", more("Subject: a\x00b"), taken},
	{"20 kB of a header", more("X-Long: " + strings.Repeat("x", 20_000)), taken},
	{"a thousand headers", more(slices.Repeat([]string{"X-Many: x"}, 1_000)...), taken},
	{"20 kB of session description", sized(20_000), taken},
	{"folded header", more("Subject: this\r\n goes\r\n\ton"), taken},
	{"short forms", compact, taken},
	{"unreadable Record-Route address", more("Record-Route: <sip:127.0.0.1:99999;lr>"), taken},
}

// taken marks a bad answer that is an answer all the same.
const taken = "taken"

func TestBadAnswerEndsInAClassThatSaysWhy(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FirstResponse = 3 * time.Second })
	results := make([]<-chan Result, len(badAnswers))
	invites := make([]message, len(badAnswers))
	for i, tt := range badAnswers {
		results[i] = r.invite(t.Context(), Invite{CallID: fmt.Sprintf("bad-%d", i)})
		invites[i] = r.awaitInvite(fmt.Sprintf("bad-%d", i))
		before := map[string]float64{byDoor: r.metric(byDoor), byLibrary: r.metric(byLibrary)}
		r.write(invites[i].from, tt.write(answerOf(invites[i], r.contact())))
		if count := before[tt.counted]; tt.counted == byDoor || tt.counted == byLibrary {
			require.Eventually(t, func() bool { return r.metric(tt.counted) > count }, patience, time.Millisecond, tt.name)
		}
	}
	for i, tt := range badAnswers {
		res := r.result(results[i])
		if tt.counted == taken {
			require.Equal(t, Answered, res.End, "%s: %v", tt.name, res.Err)
			r.request(invites[i], "BYE", "leg1", 1, "")
			r.ended(res.Call)
			continue
		}
		require.Equal(t, Silent, res.End, tt.name)
		require.Equal(t, avanak.ClassSilent, res.Class, tt.name)
		require.False(t, res.Dead, "%s: the phone may have rung", tt.name)
		r.reply(invites[i], 486, "Busy Here", "leg1", "") // so that nothing is left to watch for
	}
	require.InDelta(t, 0, r.metric("panics_total"), 0)
	require.LessOrEqual(t, strings.Count(r.logged(), "sip library"), 2)
	require.LessOrEqual(t, strings.Count(r.logged(), "without its head"), 2)
}

// awaitInvite waits for the INVITE of a call, whatever else comes.
func (u *callee) awaitInvite(callID string) message {
	u.t.Helper()
	var inv message
	u.wait("INVITE of "+callID, func() bool {
		for _, m := range u.log {
			if m.kind() == "INVITE" && m.get("Call-ID") == callID {
				inv = *m
			}
		}
		return inv.start != ""
	})
	return inv
}

// A response that is not whole moves nothing: what comes after it is the answer.
func TestIncompleteRefusalDoesNotHideTheAnswer(t *testing.T) {
	for _, header := range []string{"From", "To", "Call-ID"} {
		t.Run(header, func(t *testing.T) {
			r := newRig(t)
			out := r.invite(t.Context(), Invite{})
			inv := r.next("INVITE")
			g := answerOf(inv, r.contact())
			g.lines[0] = "SIP/2.0 486 Busy Here"
			r.write(inv.from, without(header)(g))
			require.Eventually(t, func() bool { return r.metric("dropped_total", "why", "garbage") > 0 }, patience, time.Millisecond)
			r.ok(inv, "leg1")
			res := r.result(out)
			require.Equal(t, Answered, res.End)
			require.Equal(t, "leg1", param(r.next("ACK").get("To"), "tag"))
			r.hangup(res.Call)
		})
	}
}

// wire is the far end of a TCP trunk by script.
type wire struct {
	t    *testing.T
	door net.Listener
	conn net.Conn
	in   *bufio.Reader
}

// newWire places a call over TCP and returns the connection on which its INVITE came.
func newWire(t *testing.T) (*rig, *wire, <-chan Result, message) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // a listener on loopback does not wait
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	r := newRig(t, func(c *Config) { c.Transport, c.Targets = OverTCP, []string{l.Addr().String()} })
	out := r.invite(t.Context(), Invite{})
	w := &wire{t: t, door: l}
	w.accept()
	return r, w, out, w.next("INVITE")
}

// accept goes on with the next connection.
func (w *wire) accept() {
	w.t.Helper()
	conn, err := w.door.Accept()
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(w.t, conn.SetDeadline(time.Now().Add(patience)))
	w.conn, w.in = conn, bufio.NewReader(conn)
}

// next reads one message.
func (w *wire) next(kind string) message {
	w.t.Helper()
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := w.in.ReadString('\n')
		require.NoError(w.t, err)
		head.WriteString(line)
	}
	m := parse([]byte(head.String()), nil)
	n, err := strconv.Atoi(m.get("Content-Length"))
	require.NoError(w.t, err)
	body := make([]byte, n)
	_, err = io.ReadFull(w.in, body)
	require.NoError(w.t, err)
	m.body = string(body)
	require.Equal(w.t, kind, m.kind())
	return m
}

func (w *wire) write(text string) { _, _ = io.WriteString(w.conn, text) } // the other side may have hung up on it

func TestBadAnswerOverTCP(t *testing.T) {
	const contact = "Contact: <sip:callee@127.0.0.1;transport=tcp>"
	tests := []struct {
		name  string
		write func(garbled) string
		end   End
	}{
		{"1 MB of session description", sized(1 << 20), Silent},
		{"1 MB of header", more("X-Long: " + strings.Repeat("x", 1<<20)), Silent},
		{"negative length", with("Content-Length", "Content-Length: -1"), Silent},
		{"huge length", with("Content-Length", "Content-Length: 4294967295"), Silent},
		{"no length", without("Content-Length"), Silent},
		{"no message", func(garbled) string { return strings.Repeat("hello\r\n", 100) }, Silent},
		{"NULs before it", func(g garbled) string { return "\x00\x00" + g.String() }, Silent},
		{"line ends before it", func(g garbled) string { return "\r\n\r\n\r\n" + g.String() }, Answered},
		{"30 kB of session description", sized(30_000), Answered},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, w, out, inv := newWire(t)
			w.write(tt.write(answerOf(inv, contact)))
			res := r.result(out)
			require.Equal(t, tt.end, res.End, "%v", res.Err)
			require.InDelta(t, 0, r.metric("panics_total"), 0)
			if tt.end == Answered {
				w.next("ACK")
				done := make(chan error, 1)
				go func() { done <- res.Call.Hangup(t.Context(), CauseNormal) }()
				bye := w.next("BYE")
				g := garbled{lines: []string{"SIP/2.0 200 OK", "Via: " + bye.get("Via"), "From: " + bye.get("From"), "To: " + bye.get("To"),
					"Call-ID: " + bye.get("Call-ID"), "CSeq: " + bye.get("CSeq"), "Content-Length: 0"}}
				w.write(g.String())
				require.NoError(t, <-done)
				return
			}
			require.Equal(t, avanak.ClassSilent, res.Class)
			require.InDelta(t, 1, r.metric("cut_connections_total"), 0)
			r.forsake()
		})
	}
}

// forsake closes the agent without the wait for what a far end may still send.
func (r *rig) forsake() {
	r.t.Helper()
	ended, stop := context.WithCancel(r.t.Context())
	stop()
	require.ErrorIs(r.t, r.agent.Close(ended), context.Canceled)
	r.agent = idleAgent(r.t)
}
