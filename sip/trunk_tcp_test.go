package sip

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

func TestCallsShareOneConnection(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	var from string
	for n := range 3 {
		out := r.invite(t.Context(), Invite{CallID: fmt.Sprintf("call-%d", n)})
		inv := r.next("INVITE")
		self := r.agent.Addr().String()
		require.Contains(t, inv.get("Via"), "SIP/2.0/TCP "+self+";branch=z9hG4bK")
		require.Equal(t, "<sip:02191000000@"+self+";transport=tcp>", inv.get("Contact"))
		if n == 0 {
			from = inv.from.String()
		}
		r.reply(inv, 180, "Ringing", "leg1", "")
		r.ok(inv, "leg1")
		res := r.result(out)
		require.Equal(t, Answered, res.End)
		require.Equal(t, s.addr(), res.Target)
		ack := r.next("ACK")
		bye := r.hangup(res.Call)
		for _, m := range []message{inv, ack, bye} {
			require.Equal(t, from, m.from.String(), m.start)
			require.Equal(t, 1, m.copies, "nothing is sent twice by a stream")
		}
	}
	require.Equal(t, 1, s.accepted())
}

func TestByeOfTheFarEndComesByTheConnectionOrByANewOne(t *testing.T) {
	for _, anew := range []bool{false, true} {
		t.Run(fmt.Sprintf("new connection %t", anew), func(t *testing.T) {
			s := newStreamCallee(t)
			r := newStreamRig(t, s)
			c, inv := r.answer()
			if anew {
				inv.from = s.dial(net.TCPAddrFromAddrPort(r.agent.Addr()))
			}
			r.request(inv, "BYE", "leg1", 1, "", "Reason: Q.850;cause=16")
			res := r.next("200 BYE")
			require.Equal(t, inv.from.String(), res.from.String(), "the answer comes by the connection of the request")
			r.ended(c)
			require.Equal(t, avanak.Callee, c.EndedBy())
			require.Equal(t, 16, c.Cause())
		})
	}
}

func TestRefusedConnectionIsADeadTrunkAndTheGateIsNotAsked(t *testing.T) {
	s := newStreamCallee(t)
	s.deafen()
	r := newStreamRig(t, s)
	res := r.result(r.invite(t.Context(), Invite{BeforeSend: func(context.Context) error {
		t.Error("the gate was asked though nothing could leave")
		return nil
	}}))
	require.Equal(t, NotSent, res.End)
	require.Equal(t, avanak.ClassCongestion, res.Class)
	require.True(t, res.Dead)
	require.ErrorContains(t, res.Err, "connection refused")
	require.Empty(t, s.kinds(), "nothing goes by UDP")
}

func TestConnectionThatDiesAfterTheInviteLeavesTheCallInDoubt(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	for i, heard := range []string{"nothing", "100", "180"} {
		t.Run("after "+heard, func(t *testing.T) {
			out := r.invite(t.Context(), Invite{CallID: "after-" + heard})
			inv := r.next("INVITE")
			switch heard {
			case "100":
				r.reply(inv, 100, "Trying", "", "")
				r.heard(i)
			case "180":
				r.reply(inv, 180, "Ringing", "leg1", "")
				r.heard(i)
			}
			began := time.Now()
			require.NoError(t, s.at(inv.from).Close())
			res := r.result(out)
			require.Equal(t, Silent, res.End)
			require.Equal(t, avanak.ClassSilent, res.Class)
			require.False(t, res.Dead, "a phone may ring")
			require.Less(t, time.Since(began), 3*time.Second, "it is known at once")
			if i > 0 { // a phone may ring: it is stopped by a new connection
				cancel := r.next("CANCEL")
				require.Equal(t, inv.branch(), cancel.branch())
				r.reply(cancel, 200, "OK", "", "")
			}
		})
	}
}

func TestLateAnswerByANewConnectionIsEnded(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	require.NoError(t, s.at(inv.from).Close())
	require.Equal(t, Silent, r.result(out).End)
	require.Eventually(t, func() bool { return !r.agent.connected(hopTo(t, s)) }, patience, time.Millisecond)
	inv.from = s.dial(net.TCPAddrFromAddrPort(r.agent.Addr()))
	r.ok(inv, "leg1")
	r.next("ACK")
	r.reply(r.next("BYE"), 200, "OK", "", "")
}

// fill has calls written to a far end that does not read, until one of them cannot leave.
func (r *rig) fill(prefix string) Result {
	r.t.Helper()
	stuck := make(chan Result, 1)
	ctx, enough := context.WithCancel(r.t.Context())
	defer enough()
	big := []byte("v=0\r\n" + strings.Repeat("a=x\r\n", 2800))
	for n := range 4000 {
		go func() {
			res := r.agent.Invite(ctx, Invite{CallID: fmt.Sprintf("%s-%d", prefix, n), To: 989120000001, SDP: big})
			if res.End == NotSent && ctx.Err() == nil {
				select {
				case stuck <- res:
				default:
				}
			}
		}()
		select {
		case res := <-stuck:
			return res
		case <-time.After(2 * time.Millisecond):
		}
	}
	return r.result(stuck)
}

func TestFarEndThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	release := make(chan struct{})
	mute := newStreamCallee(t, func(s *streamCallee) { s.meet = func(net.Conn) { <-release } })
	defer close(release)
	s := newStreamCallee(t)
	r := newStreamRig(t, s, func(c *Config) { c.Targets = []string{mute.addr(), s.addr()} })
	// The stream of new calls goes on while some wait: their deadlines must not move with it.
	res := r.fill("mute")
	require.Equal(t, avanak.ClassCongestion, res.Class, res.Err)
	require.True(t, res.Dead)
	out := r.invite(t.Context(), Invite{CallID: "other", Avoid: []string{mute.addr()}})
	r.reply(r.next("INVITE"), 486, "Busy Here", "leg1", "")
	require.Equal(t, Refused, r.result(out).End)
	r.agent.targets.alive(mustHop(t, mute.addr()).addr, 0) // its silence has made it suspect
	ctx, enough := context.WithCancel(t.Context())
	left := make(chan time.Time, 1)
	again := r.invite(ctx, Invite{CallID: "again", OnSent: func(at time.Time) { left <- at }})
	select {
	case <-left: // by a new connection
	case <-time.After(patience):
		t.Fatal("the way to the target is not free again")
	}
	enough()
	require.Equal(t, avanak.ClassUs, r.result(again).Class)
}

func TestMessageThatWasCutShortEndsItsConnection(t *testing.T) {
	again := make(chan struct{})
	whole := make(chan []byte, 10000) // what was read of each connection, message by message
	s := newStreamCallee(t, func(s *streamCallee) {
		s.meet = func(c net.Conn) {
			<-again
			for r := bufio.NewReader(c); ; {
				text, err := readMessage(r)
				if err != nil {
					return
				}
				whole <- text
			}
		}
	})
	r := newStreamRig(t, s)
	write := func(name string, size int) error {
		req := r.agent.newRequest(sip.ACK, sip.Uri{Scheme: "sip", Host: name}, r.agent.via(OverTCP), hopTo(t, s))
		req.SetBody([]byte(strings.Repeat("x", size)))
		return r.agent.write(req)
	}
	require.Eventually(t, func() bool { return write("filler", 60000) != nil }, patience, time.Microsecond)
	close(again) // the far end reads on: it has a part of the last one
	require.NoError(t, write("after", 1))
	for {
		select {
		case text := <-whole:
			require.Equal(t, 1, bytes.Count(text, []byte("ACK sip:")), "one message ran into another")
			if bytes.HasPrefix(text, []byte("ACK sip:after ")) {
				return
			}
		case <-time.After(patience):
			t.Fatal("a message is lost behind one that was cut short")
		}
	}
}

func TestWriteThatFailedByAnOldConnectionLeavesTheNewOne(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	c, inv := r.answer()
	at := hopTo(t, s)
	failed := func(port int) error {
		return &net.OpError{Op: "write", Source: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, Err: os.ErrDeadlineExceeded}
	}
	r.agent.mend(at, failed(1))
	require.Equal(t, inv.from.String(), r.hangup(c).from.String())
	r.agent.mend(at, failed(inv.from.Port))
	require.Eventually(t, func() bool { return !r.agent.connected(at) }, patience, time.Millisecond)
}

func TestMessagesInPiecesAndTogether(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	c, inv := r.answer()
	line := s.at(inv.from)
	request := func(method string, seq int) string {
		return strings.Join([]string{method + " sip:x@" + r.agent.Addr().String() + " SIP/2.0",
			fmt.Sprintf("Via: SIP/2.0/TCP %s;branch=z9hG4bKp%d", s.addr(), seq), "Max-Forwards: 70",
			"From: " + inv.get("To") + ";tag=leg1", "To: " + inv.get("From"), "Call-ID: " + inv.get("Call-ID"),
			fmt.Sprintf("CSeq: %d %s", seq, method), "Content-Length: 0", "", ""}, "\r\n")
	}
	_, err := io.WriteString(line, request("OPTIONS", 1)+"\r\n\r\n"+request("INFO", 2))
	require.NoError(t, err)
	got := []string{r.either("two answers").kind(), r.either("two answers").kind()}
	require.ElementsMatch(t, []string{"200 OPTIONS", "200 INFO"}, got)
	text := request("INFO", 3)
	for _, piece := range []string{text[:7], text[7:100], text[100:]} {
		_, err := io.WriteString(line, piece)
		require.NoError(t, err)
		time.Sleep(5 * time.Millisecond) // so that the pieces come one by one, mostly
	}
	r.next("200 INFO")
	r.hangup(c)
}

func TestHalfAMessageIsNoMessage(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	c, inv := r.answer()
	stranger := s.dial(net.TCPAddrFromAddrPort(r.agent.Addr()))
	_, err := io.WriteString(s.at(stranger), "BYE sip:x SIP/2.0\r\nCall-ID: "+inv.get("Call-ID")+"\r\nContent-Length: 900\r\n\r\nhalf")
	require.NoError(t, err)
	require.NoError(t, s.at(stranger).Close())
	require.Eventually(t, func() bool { return len(r.agent.stream.seats) == 0 }, patience, time.Millisecond)
	require.False(t, c.over())
	r.hangup(c)
}

func TestConnectionIsMadeAnewAfterTheFarEndRestarted(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	c, inv := r.answer()
	s.hangUp()
	require.Eventually(t, func() bool { return !r.agent.connected(hopTo(t, s)) }, patience, time.Millisecond)
	require.NoError(t, s.listen())
	out := r.invite(t.Context(), Invite{CallID: "second"})
	second := r.next("INVITE")
	require.NotEqual(t, inv.from.String(), second.from.String())
	r.reply(second, 486, "Busy Here", "leg1", "")
	require.Equal(t, Refused, r.result(out).End)
	r.next("ACK")
	require.False(t, c.over(), "an answered call outlives its connection")
	bye := r.hangup(c)
	require.Equal(t, second.from.String(), bye.from.String())
}

func hopTo(t *testing.T, s *streamCallee) hop {
	t.Helper()
	h := mustHop(t, s.addr())
	h.over = OverTCP
	return h
}

func mustHop(t *testing.T, addr string) hop {
	t.Helper()
	h, ok := parseHop(addr, OverUDP)
	require.True(t, ok)
	return h
}

func TestConnectionOfAStrangerIsTurnedAwayUnread(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	c, err := d.Dial("tcp4", r.agent.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.Eventually(t, func() bool { return r.metric("dropped_total", "why", "stranger") == 1 }, patience, time.Millisecond)
	require.Contains(t, r.logged(), "127.0.0.9")
}

func TestTooManyConnectionsOfTheCarrierAreNotStrangers(t *testing.T) {
	s := newStreamCallee(t)
	r := newStreamRig(t, s)
	var lines []net.Conn
	defer func() {
		for _, c := range lines {
			_ = c.Close() // the test is over
		}
	}()
	for range maxStreams + 1 {
		c, err := net.Dial("tcp4", r.agent.Addr().String())
		require.NoError(t, err)
		lines = append(lines, c)
	}
	last := lines[maxStreams]
	require.NoError(t, last.SetReadDeadline(time.Now().Add(patience)))
	_, err := last.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.InDelta(t, 1, r.metric("dropped_total", "why", "flood"), 0)
	require.InDelta(t, 0, r.metric("dropped_total", "why", "stranger"), 0)
	require.Contains(t, r.logged(), "too many sip connections")
	require.NoError(t, lines[0].Close())
	require.Eventually(t, func() bool { return len(r.agent.stream.seats) == maxStreams-1 }, patience, time.Millisecond, "a seat is free again")
}

func TestCloseLeavesNoConnection(t *testing.T) {
	s := newStreamCallee(t)
	before := descriptors(t)
	r := newStreamRig(t, s)
	s.dial(net.TCPAddrFromAddrPort(r.agent.Addr()))
	out := r.invite(t.Context(), Invite{})
	r.reply(r.next("INVITE"), 486, "Busy Here", "leg1", "")
	require.Equal(t, Refused, r.result(out).End)
	require.NoError(t, r.agent.Close(t.Context()))
	require.Eventually(t, func() bool { return s.open() == 0 }, patience, time.Millisecond)
	r.agent = idleAgent(t)
	// The rig has a UDP callee of its own, which ends with the test.
	require.Eventually(t, func() bool { return descriptors(t) <= before+1 }, patience, time.Millisecond)
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

func TestCallerWhoLeavesDoesNotEndTheDialOfOthers(t *testing.T) {
	release := make(chan struct{})
	slow := newStreamCallee(t, func(s *streamCallee) { s.meet = func(net.Conn) { <-release } }) // and never shakes hands
	defer close(release)
	r := newStreamRig(t, slow, func(c *Config) { c.Transport = OverTLS })
	ctx, leave := context.WithCancel(t.Context())
	first := r.invite(ctx, Invite{CallID: "first"})
	require.Eventually(t, func() bool { return slow.accepted() == 1 }, patience, time.Millisecond)
	second := r.invite(t.Context(), Invite{CallID: "second"})
	require.Eventually(t, func() bool { return r.metric("legs") == 2 }, patience, time.Millisecond)
	leave()
	require.Equal(t, avanak.ClassUs, r.result(first).Class)
	res := r.result(second)
	require.Equal(t, NotSent, res.End)
	require.Equal(t, avanak.ClassCongestion, res.Class, "the trunk failed, not its caller: %v", res.Err)
	require.True(t, res.Dead)
}
