package siptest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThreeHundredCallsAtOnce(t *testing.T) {
	const calls, frames = 300, 20
	f := start(t, Config{})
	p := newPhone(t, f) // one socket for all, as a gateway has
	require.NoError(t, p.sip.SetReadBuffer(4<<20))
	for i := range calls {
		p.number, p.callID, p.branch = fmt.Sprintf("0912000%04d", i), fmt.Sprint("call-", i), fmt.Sprint("z9hG4bK-", i)
		p.invite()
	}
	oks := map[string]answer{}
	for len(oks) < calls {
		ok := p.await("SIP/2.0 200")
		p.callID, p.branch = ok.value("Call-ID"), "z9hG4bK-"+ok.value("Call-ID")
		p.ack(ok)
		oks[p.callID] = ok
	}
	require.NoError(t, f.WaitFor(patient(t), func(n Counts) bool { return n.Acked == calls && n.Live() == calls }))
	// A few at a time, so that no socket overflows; media waits lazily read in the kernel.
	for id, ok := range oks {
		p.callID, p.branch = id, "z9hG4bK-"+id
		p.hear(ok)
		p.play(clip(frames))
		p.bye(ok)
		p.await("SIP/2.0 200")
	}
	require.NoError(t, f.WaitFor(patient(t), func(n Counts) bool { return n.Ended == calls }))
	for _, c := range f.Calls() {
		require.True(t, c.Heard().Match(clip(frames), 160, 0xd5).BitExact, "%s: %+v", c.CallID, c.RTP)
	}
	at := func(a, b Invite) int { return a.At.Compare(b.At) }
	require.True(t, slices.IsSortedFunc(f.Invites(), at))
	require.Len(t, f.Invites(), calls)
	require.Equal(t, calls*frames, f.Counts().Packets)
}

func TestOnlyTheLastEndedCallsAreKept(t *testing.T) {
	f := start(t, Config{KeepCalls: 2, CountRTP: true})
	p := newPhone(t, f)
	for i := range 5 {
		p.callID, p.branch = fmt.Sprint("call-", i), fmt.Sprint("z9hG4bK-", i)
		ok := p.answered()
		p.play(clip(3))
		if i == 0 {
			continue // the first one goes on
		}
		p.bye(ok)
		p.expect("SIP/2.0 200")
		require.NoError(t, f.WaitFor(patient(t), func(n Counts) bool { return n.Ended == i }))
	}
	var kept []string
	for _, c := range f.Calls() {
		kept = append(kept, c.CallID)
		require.Equal(t, 3, c.RTP.Packets)
		require.Equal(t, 480, c.RTP.Bytes)
		require.Empty(t, c.Packets)
	}
	require.Equal(t, []string{"call-0", "call-3", "call-4"}, kept)
	require.Len(t, f.Invites(), 3)
	_, ok := f.Call("call-1")
	require.False(t, ok)
	require.Equal(t, 5, f.Counts().Calls)
}

func TestMoreCallsThanTheFarmHoldsAreRefused(t *testing.T) {
	f := start(t, Config{MaxCalls: 1})
	p := newPhone(t, f)
	p.answered()
	p.callID, p.branch = "call-2", "z9hG4bK-2"
	p.invite()
	require.Equal(t, "1", p.expect("SIP/2.0 503").value("Retry-After"))
	require.Equal(t, 1, f.Counts().Overload)
	require.Len(t, f.Calls(), 1)
}

func TestEndedCallsMakeRoom(t *testing.T) {
	f := start(t, Config{MaxCalls: 1, T1: 2 * time.Millisecond, Behave: func(string, int) Behaviour {
		return Behaviour{Kind: Busy}
	}})
	p := newPhone(t, f)
	for i := 0; f.Counts().Calls < 3; i++ {
		require.Less(t, i, 1000000)
		p.callID, p.branch = fmt.Sprint("call-", i), fmt.Sprint("z9hG4bK-", i)
		p.invite()
		p.await("SIP/2.0 ")
	}
	require.Positive(t, f.Counts().Overload)
}

func TestGarbageIsCountedAndHarmless(t *testing.T) {
	f := start(t, Config{})
	p := newPhone(t, f)
	garbage := []string{"x", "INVITE", "INVITE sip:a@b SIP/2.0\r\n\r\n", "SIP/2.0 999 x\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n",
		strings.Repeat("\x00", 60000) + "x", "INVITE sip:a@b SIP/2.0\r\n" + strings.Repeat("a: b\r\n", 5000) + "\r\n"}
	for _, g := range garbage {
		p.write(g)
	}
	p.write("\r\n\r\n") // a keepalive is none
	p.quiet()
	require.Equal(t, len(garbage), f.Counts().Garbage)
	ok := p.answered()
	p.hear(ok)
	for _, b := range []string{"", "short", "\x00000000000000", "\x80\xc8" + strings.Repeat("0", 20),
		"\x9f" + strings.Repeat("\xff", 20)} {
		_, err := p.rtp.WriteToUDPAddrPort([]byte(b), p.media)
		require.NoError(t, err)
	}
	require.NoError(t, f.WaitFor(patient(t), func(n Counts) bool { return n.BadPackets == 5 }))
	c, _ := f.Call(p.callID)
	require.Zero(t, c.RTP.Packets)
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	f := start(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.WaitFor(ctx, func(Counts) bool { return false }), context.Canceled)
	_, err := f.WaitCall(ctx, "nobody", Call.Ended)
	require.ErrorIs(t, err, context.Canceled)
}

func TestRunEndsWithItsContext(t *testing.T) {
	f, err := New(Config{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	p := newPhone(t, f)
	p.answered()
	cancel()
	require.NoError(t, <-done)
	f.Close()
	require.Len(t, f.Calls(), 1, "the records stay")
}

func TestFarmThatWasNeverStartedCanBeClosed(t *testing.T) {
	f, err := New(Config{})
	require.NoError(t, err)
	f.Close()
	f.Start()
	f.Close()
}

func TestConfigIsChecked(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for name, cfg := range map[string]Config{
		"host name":        {Addr: "localhost:5060"},
		"no port":          {Addr: "127.0.0.1"},
		"wildcard":         {Addr: "0.0.0.0:0"},
		"wildcard to none": {Addr: "0.0.0.0:0", Advertise: netip.IPv4Unspecified()},
		"keep":             {KeepCalls: -1},
		"max":              {MaxCalls: -1},
		"t1":               {T1: time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(cfg)
			require.Error(t, err)
		})
	}
	f := start(t, Config{Addr: "0.0.0.0:0", Advertise: netip.MustParseAddr("127.0.0.1")})
	_, err := New(Config{Addr: f.Addr().String(), Advertise: netip.MustParseAddr("127.0.0.1")})
	require.ErrorContains(t, err, "callee farm: ", "the port is taken")
}

func TestAdvertisedAddressIsShown(t *testing.T) {
	f := start(t, Config{Advertise: netip.MustParseAddr("192.0.2.7")})
	p := newPhone(t, f)
	p.invite()
	ok := p.await("SIP/2.0 200")
	require.Equal(t, fmt.Sprintf("<sip:callee@192.0.2.7:%d>", f.Addr().Port()), ok.value("Contact"))
	require.Contains(t, ok.body(), "c=IN IP4 192.0.2.7\r\n")
}

func TestAlarmsRingInOrder(t *testing.T) {
	var q alarms
	var rung []int
	add := func(n int) *alarm {
		return q.after(time.Duration(n)*time.Hour, func() { rung = append(rung, n) })
	}
	first, _, second, _ := add(1), add(4), add(2), add(3)
	q.stop(second)
	q.stop(second)
	q.stop(nil)
	require.Equal(t, first.at, q.next())
	q.ring(time.Now().Add(210 * time.Minute))
	require.Equal(t, []int{1, 3}, rung)
	q.stop(first)
	q.ring(time.Now().Add(5 * time.Hour))
	require.Equal(t, []int{1, 3, 4}, rung)
	require.Zero(t, q.next())
}
