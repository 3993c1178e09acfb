package sip

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

var (
	loopback     = netip.MustParseAddr("127.0.0.1")
	loopbackPort = netip.AddrPortFrom(loopback, 1)
)

var discard = slog.New(slog.DiscardHandler)

// nowhere is a connection of sipgo's that writes every message out, as a socket would have it, and sends none.
type nowhere struct{ sent []string }

var errNowhere = errors.New("goes nowhere")

func (n *nowhere) WriteMsg(m sip.Message) error {
	n.sent = append(n.sent, m.String())
	return errNowhere
}
func (n *nowhere) LocalAddr() net.Addr    { return &net.UDPAddr{} }
func (n *nowhere) Ref(int) int            { return 1 }
func (n *nowhere) TryClose() (int, error) { return 1, nil }
func (n *nowhere) Close() error           { return nil }

// unbound is an Agent that believes to run and has no socket. Its target refuses connections.
func unbound(f *testing.F) *rig {
	f.Helper()
	reg := prometheus.NewRegistry()
	cfg := DefaultConfig()
	cfg.Name, cfg.Targets, cfg.Callers, cfg.Transport, cfg.Options = "fuzz", []string{"127.0.0.1:1"}, []string{"02191000000"}, OverTCP, -1
	a, err := New(cfg, discard, reg)
	require.NoError(f, err)
	require.NoError(f, a.assemble())
	f.Cleanup(func() { require.NoError(f, a.ua.Close()) })
	self := hostPort{"127.0.0.1", 5060}
	a.self = map[Transport]hostPort{OverUDP: self, OverTCP: self}
	a.local = map[Transport]sip.Addr{}
	a.state = running
	return &rig{agent: a, reg: reg}
}

// legOf is a leg with the Call-ID "call" and the tag "ours" whose INVITE has just left.
func (r *rig) legOf(tb testing.TB) *leg {
	tb.Helper()
	l := newLeg(r.agent, Invite{CallID: "call", To: 989120000001, SDP: Offer(loopback, 4002, 7)})
	l.tag, l.ctx, l.alarm = "ours", tb.Context(), time.NewTimer(time.Hour)
	l.place.Host, l.hop, l.hop.over = "127.0.0.1", hop{addr: loopbackPort}, OverTCP
	l.res.Timing.Sent = time.Now()
	var err error
	l.invite, err = l.newInvite()
	require.NoError(tb, err)
	l.invite.Via().Params.Add("branch", "z9hG4bKours")
	return l
}

const fuzzHead = "Via: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKours\r\nFrom: <sip:02191000000@127.0.0.1>;tag=ours\r\n" +
	"To: <sip:+989120000001@127.0.0.1>;tag=theirs\r\nCall-ID: call\r\nCSeq: 1 INVITE\r\nContact: <sip:callee@127.0.0.1:1>\r\n"

// FuzzResponse takes any bytes for a response to an INVITE, twice: through sipgo's parser and transaction and our leg, in
// every phase that the leg may be in.
func FuzzResponse(f *testing.F) {
	sdp := "Content-Type: application/sdp\r\n\r\n" + answerSDP
	for phase, text := range []string{
		"SIP/2.0 200 OK\r\n" + fuzzHead + sdp,
		"SIP/2.0 200 OK\r\n" + fuzzHead + "Record-Route: <sip:127.0.0.1;lr>, <sip:x>\r\nSession-Expires: 90;refresher=uac\r\n" + sdp,
		"SIP/2.0 183 Session Progress\r\n" + fuzzHead + "Require: 100rel\r\nRSeq: 1\r\n" + sdp,
		"SIP/2.0 487 Request Terminated\r\n" + fuzzHead + "Reason: Q.850;cause=16\r\n\r\n",
		"SIP/2.0 401 Unauthorized\r\n" + fuzzHead + "WWW-Authenticate: Digest realm=\"x\",nonce=\"y\"\r\n\r\n",
		"SIP/2.0 422 Interval\r\n" + fuzzHead + "Min-SE: 1800\r\n\r\n",
		"SIP/2.0 503 Busy\r\n" + fuzzHead + "Retry-After: 18000000000000000000 (x)\r\n\r\n",
		"SIP/2.0 000 \r\nv:x/y/z a\r\nf:a\r\nt:b\r\ni:c\r\nCSeq:1 I\r\nl:0\r\n\r\n",
	} {
		f.Add(uint8(phase), []byte(text)) //nolint:gosec // eight
	}
	for _, message := range tortures(f) {
		f.Add(uint8(0), message)
	}
	r := unbound(f)
	r.agent.crew.dismiss() // no goroutine: what would be sent to the end of a call is not
	f.Fuzz(func(t *testing.T, state uint8, b []byte) {
		if _, ok := headOf(r.agent.door.seed, b); !ok {
			return
		}
		m, err := sip.ParseMessage(b)
		res, ok := m.(*sip.Response)
		if err != nil || !ok {
			return
		}
		res.SetTransport("TCP")
		res.SetSource("127.0.0.1:1")
		l := r.legOf(t)
		l.phase = phase(state) % (over + 1)
		if l.phase != calling && l.phase != proceeding {
			l.delivered = l.phase != cancelling
			close(l.first)
			l.first = make(chan struct{})
		}
		tx := sip.NewClientTx("key", l.invite, new(nowhere), discard)
		_ = tx.Init() // it cannot write
		l.tx, l.responses, l.txDone = tx, tx.Responses(), tx.Done()
		tx.OnRetransmission(l.offer)
		r.pass(l, tx, res.Clone())
		if res.StatusCode < 300 { // sipgo sleeps before it acknowledges a copy of a refusal
			r.pass(l, tx, res.Clone())
		}
		l.receive(res)
		r.agent.plausible(res)
		l.hangUpAll()
		l.stop()
		l.alarm.Stop()
		require.LessOrEqual(t, len(l.calls), maxBranches)
		require.LessOrEqual(t, l.res.RetryAfter, maxRetryAfter)
		if len(l.result) > 0 {
			end := <-l.result
			end.judge()
			require.NotEqual(t, avanak.NoClass, end.Class)
			require.Equal(t, end.End == Answered, end.Call != nil)
			require.False(t, strings.ContainsFunc(end.Reason, func(r rune) bool { return r < ' ' }))
		}
	})
}

// pass hands a response to the transaction, and what comes out of it to the leg.
func (r *rig) pass(l *leg, tx *sip.ClientTx, res *sip.Response) {
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		tx.Receive(res)
	}()
	for {
		select {
		case res := <-tx.Responses():
			l.receive(res)
		case res := <-l.inbox:
			l.receive(res)
		case <-taken:
			return
		}
	}
}

// FuzzRequest takes any bytes for a request: through sipgo's parser and transaction, our own rules and our handlers, with
// a call that it may name.
func FuzzRequest(f *testing.F) {
	head := "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKtheirs;rport\r\nFrom: <sip:+989120000001@127.0.0.1>;tag=theirs\r\n" +
		"To: <sip:02191000000@127.0.0.1>;tag=ours\r\nCall-ID: call\r\nMax-Forwards: 70\r\nCSeq: 7 "
	for _, rest := range []string{"BYE\r\nReason: Q.850;cause=16\r\n\r\n", "INVITE\r\nSession-Expires: 100\r\n\r\n" + answerSDP, "UPDATE\r\n\r\n",
		"OPTIONS\r\n\r\n", "ACK\r\n\r\n", "CANCEL\r\n\r\n", "INFO\r\nRequire: nothing, 100rel\r\n\r\n", "PRACK\r\nRAck: 1 1 INVITE\r\n\r\n"} {
		method, _, _ := strings.Cut(rest, "\r\n")
		f.Add([]byte(method + " sip:x@127.0.0.1 SIP/2.0\r\n" + head + rest))
	}
	for _, message := range tortures(f) {
		f.Add(message)
	}
	r := unbound(f)
	answered, err := sip.ParseMessage([]byte("SIP/2.0 200 OK\r\n" + fuzzHead + "\r\n" + answerSDP))
	require.NoError(f, err)
	a, handlers := r.agent, r.agent.handlers()
	f.Fuzz(func(t *testing.T, b []byte) {
		callIDOf(b)
		m, err := sip.ParseMessage(b)
		req, ok := m.(*sip.Request)
		if err != nil || !ok {
			return
		}
		req.SetTransport("UDP")
		req.SetSource("127.0.0.1:5060")
		l := r.legOf(t)
		close(l.first)
		c := newCall(l, answered.(*sip.Response).Clone())
		l.calls["theirs"] = c
		a.mu.Lock()
		a.legs["call"] = l
		a.mu.Unlock()
		to := new(nowhere)
		if key, err := sip.ServerTxKeyMake(req); err != nil {
			_ = to.WriteMsg(sip.NewResponseFromRequest(req, 400, "Bad Request", nil)) // as sipgo does
		} else {
			tx := sip.NewServerTx(key, req, to, discard)
			require.NoError(t, tx.Init())
			h := handlers[req.Method]
			if h == nil {
				h = a.onOther
			}
			a.wrap(h)(req, tx)
			tx.Terminate()
			for _, text := range to.sent {
				require.True(t, strings.HasPrefix(text, "SIP/2.0 "), text)
				require.False(t, req.IsAck())
			}
		}
		c.end(avanak.Us, 0)
		l.alarm.Stop()
		require.InDelta(t, 0, r.panics(t), 0)
	})
}

// panics is how many were caught.
func (r *rig) panics(t *testing.T) float64 {
	t.Helper()
	return (&rig{callee: &callee{t: t}, reg: r.reg}).metric("panics_total")
}

// FuzzOffered takes any bytes for the session description of a re-INVITE, and for ours.
func FuzzOffered(f *testing.F) {
	f.Add([]byte(answerSDP), Offer(loopback, 4002, 7))
	f.Add([]byte(strings.Replace(answerSDP, "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1)), []byte("v=0\r\n"))
	f.Add([]byte(answerSDP+"a=sendonly\r\nm=image 4000 udptl t38\r\n"), []byte{})
	f.Fuzz(func(t *testing.T, theirs, ours []byte) {
		rest, d, err := offered(theirs)
		answer, whole := ParseAnswer(theirs)
		turned(ours, d, len(rest)) // whatever it is
		if err != nil {
			return
		}
		require.NoError(t, whole)
		require.Equal(t, answer.Direction, d)
		back, err := ParseAnswer(append(turned(Offer(loopback, 4002, 7), d, len(rest)), rest...))
		require.NoError(t, err)
		want := map[Direction]Direction{SendRecv: SendRecv, SendOnly: RecvOnly, RecvOnly: SendOnly, Inactive: Inactive}
		require.Equal(t, want[d], back.Direction)
	})
}
