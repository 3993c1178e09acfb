package siptest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; nothing is judged by it.
const patience = 20 * time.Second

// start runs a farm for the test; where the test asks for no T1 nothing is repeated while it runs.
func start(t *testing.T, cfg Config) *Farm {
	t.Helper()
	if cfg.T1 == 0 {
		cfg.T1 = 10 * time.Second
	}
	f, err := New(cfg)
	require.NoError(t, err)
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// all makes a farm's callees behave the same.
func all(b Behaviour) Config { return Config{Behave: func(string, int) Behaviour { return b }} }

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// phone is a caller written by hand: it knows texts and sockets, nothing of the farm's own reader.
type phone struct {
	t       *testing.T
	sip     *net.UDPConn
	rtp     *net.UDPConn
	farm    netip.AddrPort
	number  string
	callID  string
	branch  string
	cseq    int
	tag     string
	contact string
	formats string
	extra   []string // further header lines of the INVITE
	body    *string  // in place of the offer
	media   netip.AddrPort
}

func udp(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func newPhone(t *testing.T, f *Farm) *phone {
	t.Helper()
	p := &phone{t: t, sip: udp(t), rtp: udp(t), farm: f.Addr(), number: "09120000001", callID: "call-1",
		branch: "z9hG4bK-1", cseq: 1, tag: "caller-tag", formats: "8 0 101"}
	p.contact = fmt.Sprintf("<sip:us@%s>", p.sip.LocalAddr())
	return p
}

func (p *phone) write(lines ...string) {
	p.t.Helper()
	_, err := p.sip.WriteToUDPAddrPort([]byte(strings.Join(lines, "\r\n")), p.farm)
	require.NoError(p.t, err)
}

// request sends a request; to is the To header's value.
func (p *phone) request(method, branch, to, body string, extra ...string) {
	p.t.Helper()
	lines := []string{method + " sip:" + p.number + "@" + p.farm.String() + ";user=phone SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=%s;rport", p.sip.LocalAddr(), branch),
		"Max-Forwards: 70", "From: \"A, <b>\" <sip:021000000@127.0.0.1>;tag=" + p.tag, "To: " + to, "Call-ID: " + p.callID,
		fmt.Sprintf("CSeq: %d %s", p.cseq, method), "Contact: " + p.contact}
	lines = append(lines, extra...)
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	p.write(lines...)
}

func (p *phone) to() string { return "<sip:" + p.number + "@" + p.farm.String() + ">" }

func (p *phone) invite() {
	p.t.Helper()
	body := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d RTP/AVP %s\r\na=rtpmap:101 telephone-event/8000\r\n", p.rtp.LocalAddr().(*net.UDPAddr).Port, p.formats)
	if p.body != nil {
		body = *p.body
	}
	p.request("INVITE", p.branch, p.to(), body, append([]string{"Content-Type: application/sdp"}, p.extra...)...)
}

func (p *phone) ack(final answer)    { p.request("ACK", p.branch+"-ack", final.value("To"), "") }
func (p *phone) ackRefusal(f answer) { p.request("ACK", p.branch, f.value("To"), "") }
func (p *phone) cancel()             { p.request("CANCEL", p.branch, p.to(), "", "Reason: SIP;cause=487") }

func (p *phone) bye(final answer) {
	p.cseq++
	p.request("BYE", p.branch+"-bye", final.value("To"), "", "Reason: Q.850;cause=16")
	p.cseq--
}

// answer is a received message as text.
type answer string

func (a answer) value(name string) string {
	for line := range strings.SplitSeq(string(a), "\r\n") {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return v
		}
	}
	return ""
}

func (a answer) body() string {
	_, body, _ := strings.Cut(string(a), "\r\n\r\n")
	return body
}

// read returns the next datagram of a socket.
func read(t *testing.T, conn *net.UDPConn) answer {
	t.Helper()
	buf := make([]byte, 65536)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	n, _, err := conn.ReadFromUDPAddrPort(buf)
	require.NoError(t, err)
	return answer(buf[:n])
}

// expect requires that the very next message starts so.
func (p *phone) expect(start string) answer {
	p.t.Helper()
	a := read(p.t, p.sip)
	require.True(p.t, strings.HasPrefix(string(a), start), "want %s, got:\n%s", start, a)
	return a
}

// await passes over messages until one starts so.
func (p *phone) await(start string) answer {
	p.t.Helper()
	for {
		if a := read(p.t, p.sip); strings.HasPrefix(string(a), start) {
			return a
		}
	}
}

// quiet requires that the farm has sent nothing: its reply to OPTIONS is the next message.
func (p *phone) quiet() {
	p.t.Helper()
	p.request("OPTIONS", "z9hG4bK-options", p.to(), "")
	require.Contains(p.t, p.expect("SIP/2.0 200").value("CSeq"), "OPTIONS")
}

// answered places a call up to the ACK.
func (p *phone) answered() answer {
	p.t.Helper()
	p.invite()
	ok := p.await("SIP/2.0 200")
	p.hear(ok)
	p.ack(ok)
	return ok
}

// hear takes the media address from a 200.
func (p *phone) hear(ok answer) {
	p.t.Helper()
	var port uint16
	_, at, _ := strings.Cut(ok.body(), "m=audio ")
	_, err := fmt.Sscanf(at, "%d", &port)
	require.NoError(p.t, err)
	p.media = netip.AddrPortFrom(p.farm.Addr(), port)
}

// play sends frames as RTP, back to back; the sequence wraps on the way.
func (p *phone) play(payload []byte) {
	p.t.Helper()
	for i := 0; i*160 < len(payload); i++ {
		b := rtpPacket(uint16(65530+i), uint32(i*160), 8, payload[i*160:(i+1)*160])
		_, err := p.rtp.WriteToUDPAddrPort(b, p.media)
		require.NoError(p.t, err)
	}
}

func rtpPacket(seq uint16, ts uint32, format byte, payload []byte) []byte {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, format
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], 0xcafe)
	return append(b, payload...)
}

// clip is n frames, each unlike the others and none silent.
func clip(n int) []byte {
	b := make([]byte, n*160)
	for i := range b {
		b[i] = byte(i/160*7 + i%160)
	}
	return b
}

func silence(n int) []byte { return bytes.Repeat([]byte{0xd5}, n*160) }
