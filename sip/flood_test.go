package sip

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

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
