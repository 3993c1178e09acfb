package call

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/sip"
	"github.com/avanak/avanak/sip/siptest"
)

// ear is a socket to which media may go, and from which some may come.
type ear struct {
	t    *testing.T
	conn *net.UDPConn
	addr netip.AddrPort
}

func newEar(t *testing.T, host string) *ear {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), 0)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetReadBuffer(4<<20))
	return &ear{t, conn, conn.LocalAddr().(*net.UDPAddr).AddrPort()}
}

// heard returns the payloads that have come in order, each preceded by the sequence number of the first.
func (e *ear) heard() (first uint16, payload []byte) {
	e.t.Helper()
	const headerBytes = 12
	mark := []byte("mark") // loopback delivers in order: before it lies all that came
	_, err := e.conn.WriteToUDPAddrPort(mark, e.addr)
	require.NoError(e.t, err)
	require.NoError(e.t, e.conn.SetReadDeadline(time.Now().Add(wait)))
	for buf := make([]byte, 2048); ; {
		n, err := e.conn.Read(buf)
		require.NoError(e.t, err)
		if bytes.Equal(buf[:n], mark) {
			return first, payload
		}
		require.Equal(e.t, headerBytes+avanak.FrameBytes, n)
		if payload == nil {
			first = uint16(buf[2])<<8 | uint16(buf[3])
		}
		payload = append(payload, buf[headerBytes:n]...)
	}
}

// sdp is an answer that names an ear, or no address at all.
func sdp(at netip.AddrPort, more string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\n%s", at.Addr(),
		at.Port(), more)
}

// symmetric puts the trunk into media mode symmetric_once.
func (r *rig) symmetric() {
	line := r.caller.lines["t"]
	line.Symmetric = true
	r.caller.lines["t"] = line
}

// tapped places a call during which a stranger sends RTP to our port.
func (r *rig) tapped(stranger *ear) (avanak.Report, siptest.Call) {
	r.Helper()
	i := r.intent()
	done := make(chan avanak.Report, 1)
	go func() { done <- r.caller.Place(r.Context(), i, avanak.Route{Trunk: "t"}, pass) }()
	us := r.seen(i.CallID(), func(c siptest.Call) bool { return c.Offered.IsValid() }).Offered
	packet := append([]byte{0x80, 8}, make([]byte, 170)...)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for sent := 0; ; sent++ {
		select {
		case report := <-done:
			require.Positive(r, sent)
			return report, r.ended(i.CallID())
		case <-tick.C:
			_, err := stranger.conn.WriteToUDPAddrPort(packet, us)
			require.NoError(r, err)
		}
	}
}

func TestMediaGoesWhereTheSDPSays(t *testing.T) {
	for name, symmetric := range map[string]bool{"sdp": false, "symmetric_once": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, siptest.Behaviour{})
			stranger := newEar(t, "127.0.0.2")
			r.idle++
			if symmetric {
				r.symmetric()
			}
			report, heard := r.tapped(stranger)
			require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String())
			require.True(t, heard.Heard().Match(r.frames.ALaw, avanak.FrameBytes, alawSilence).BitExact)
			_, redirected := stranger.heard()
			require.Empty(t, redirected)
		})
	}
}

func TestCalleeWhoseSDPIsWrong(t *testing.T) {
	for name, symmetric := range map[string]bool{"is not heard in mode sdp": false, "is heard in mode symmetric_once": true} {
		t.Run(name, func(t *testing.T) {
			named := newEar(t, "127.0.0.1")
			// The hold and its end name the wrong address again: what was learned must outlive them.
			r := newRig(t, siptest.Behaviour{AnswerSDP: sdp(named.addr, ""), TalkRTP: true, Reinvites: []siptest.Reinvite{
				{After: 700 * time.Millisecond, Media: named.addr, Direction: "sendonly"},
				{After: 100 * time.Millisecond, Media: named.addr}}})
			stranger := newEar(t, "127.0.0.2")
			r.idle++
			r.caller.lead = 500 * time.Millisecond
			if symmetric {
				r.symmetric()
			}
			report, heard := r.tapped(stranger)
			require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String())
			require.Equal(t, time.Second, report.Result.Played)
			_, redirected := stranger.heard()
			require.Empty(t, redirected)
			_, lost := named.heard()
			all := append(bytes.Repeat([]byte{alawSilence}, 25*avanak.FrameBytes), r.frames.ALaw...)
			if !symmetric {
				require.Equal(t, all, lost)
				require.Zero(t, heard.RTP.Packets)
				return
			}
			got := heard.Heard().Payload
			require.NotEmpty(t, lost, "the first packet goes where the SDP says")
			require.Equal(t, all, append(lost, got...))
			require.Greater(t, len(got), len(r.frames.ALaw)/2, "early enough")
		})
	}
}

func TestHeldCalleeLosesNothingOfTheClip(t *testing.T) {
	for name, tt := range map[string]struct {
		hold   siptest.Reinvite
		answer string
	}{
		"sendonly": {siptest.Reinvite{Direction: "sendonly"}, "recvonly"},
		"inactive": {siptest.Reinvite{Direction: "inactive"}, "inactive"},
		"the old way, 0.0.0.0": {siptest.Reinvite{Media: netip.MustParseAddrPort("0.0.0.0:4000")},
			"inactive"},
		"with the address of its music": {siptest.Reinvite{Direction: "sendonly", Media: netip.MustParseAddrPort("127.0.0.3:4000")},
			"recvonly"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.hold.After = 300 * time.Millisecond
			r := newRig(t, siptest.Behaviour{Reinvites: []siptest.Reinvite{tt.hold, {After: 400 * time.Millisecond}}})
			report, call := r.place(t.Context())
			require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String())
			require.Equal(t, time.Second, report.Result.Played)
			require.Empty(t, report.Detail)
			require.Len(t, call.Reinvites, 2)
			for i, direction := range []string{tt.answer, "sendrecv"} {
				require.Equal(t, []any{200, direction}, []any{call.Reinvites[i].Status, call.Reinvites[i].Direction})
			}
			heard := call.Heard()
			match := heard.Match(r.frames.ALaw, avanak.FrameBytes, alawSilence)
			require.True(t, match.BitExact, "%+v of %+v", match, call.RTP)
			require.Equal(t, leadBytes, match.Start)
			require.Positive(t, heard.TimestampGaps, "the time held is in the timestamps")
			require.GreaterOrEqual(t, heard.Markers, 2)
			require.Greater(t, heard.MaxGap, 200*time.Millisecond)
			require.GreaterOrEqual(t, report.Result.Talk, lead+time.Second+300*time.Millisecond)
		})
	}
}

func TestCalleeWhoAnswersOnHoldHearsTheClipAfterIt(t *testing.T) {
	for name, answer := range map[string]string{
		"inactive":             sdp(netip.MustParseAddrPort("127.0.0.3:4000"), "a=inactive\r\n"),
		"the old way, 0.0.0.0": sdp(netip.MustParseAddrPort("0.0.0.0:4000"), ""),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, siptest.Behaviour{AnswerSDP: answer, Reinvites: []siptest.Reinvite{{After: 200 * time.Millisecond}}})
			report, call := r.place(t.Context())
			require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String())
			match := call.Heard().Match(r.frames.ALaw, avanak.FrameBytes, alawSilence)
			require.True(t, match.BitExact, "%+v", match)
			require.Equal(t, leadBytes, match.Start, "the lead-in comes first")
			require.False(t, call.RTP.FirstAt.Before(call.Reinvites[0].SentAt))
			require.False(t, report.Timeline.FirstRTP.Before(report.Timeline.Answered.Add(100*time.Millisecond)))
		})
	}
}

func TestHoldIsBounded(t *testing.T) {
	hold, on := siptest.Reinvite{After: 20 * time.Millisecond, Direction: "inactive"}, siptest.Reinvite{After: 100 * time.Millisecond}
	var often []siptest.Reinvite
	for range 20 {
		often = append(often, hold, on)
	}
	for name, tt := range map[string]struct {
		b      siptest.Behaviour
		detail string
		by     avanak.Side
	}{
		"one hold":      {siptest.Behaviour{Reinvites: []siptest.Reinvite{hold}}, "held for over 500ms", avanak.Us},
		"many holds":    {siptest.Behaviour{Reinvites: often}, "held for over 500ms", avanak.Us},
		"from the 200":  {siptest.Behaviour{AnswerSDP: sdp(netip.MustParseAddrPort("0.0.0.0:4000"), "")}, "held for over 500ms", avanak.Us},
		"callee's end":  {siptest.Behaviour{Reinvites: []siptest.Reinvite{hold}, HangUpAfter: 200 * time.Millisecond}, "", avanak.Callee},
		"no hold again": {siptest.Behaviour{Reinvites: []siptest.Reinvite{hold, on}, HangUpAfter: 900 * time.Millisecond}, "", avanak.Callee},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.b)
			r.caller.hold = 500 * time.Millisecond
			r.clips[r.clip] = noise(3000) // a minute
			report, call := r.place(t.Context())
			require.Equal(t, avanak.Partial.String(), report.Result.Outcome.String())
			require.Equal(t, []any{tt.detail, tt.by, sip.CauseNormal}, []any{report.Detail, report.Ended, report.Result.Cause})
			require.Less(t, len(call.Reinvites), len(often))
			match := call.Heard().Match(r.clips[r.clip].(avanak.Frames).ALaw, avanak.FrameBytes, alawSilence)
			require.Equal(t, time.Duration(match.FramesHeard)*avanak.FrameTime, report.Result.Played, "what was sent was heard")
		})
	}
}

func TestCalleeMovesItsMedia(t *testing.T) {
	elsewhere := newEar(t, "127.0.0.1")
	r := newRig(t, siptest.Behaviour{Reinvites: []siptest.Reinvite{{After: 400 * time.Millisecond, Media: elsewhere.addr}}})
	report, call := r.place(t.Context())
	require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String())
	first, rest := elsewhere.heard()
	before := call.Heard()
	require.NotEmpty(t, before.Payload)
	require.NotEmpty(t, rest)
	require.Equal(t, r.frames.ALaw, append(before.Payload, rest...)[leadBytes:])
	require.Equal(t, call.Packets[len(call.Packets)-1].Sequence+1, first, "one stream")
}

func TestCalleeChangesTheLaw(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Reinvites: []siptest.Reinvite{{After: 400 * time.Millisecond, ULaw: true}}})
	report, call := r.place(t.Context())
	require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String())
	require.Len(t, call.Packets, leadBytes/avanak.FrameBytes+50)
	silence := map[uint8]byte{media.PCMA: alawSilence, media.PCMU: ulawSilence}
	types := map[uint8]int{}
	for n, p := range call.Packets {
		want := bytes.Repeat([]byte{silence[p.Type]}, avanak.FrameBytes)
		if at := n*avanak.FrameBytes - leadBytes; at >= 0 {
			want = encoded(r.frames, p.Type)[at : at+avanak.FrameBytes]
		}
		require.Equal(t, want, p.Payload, "packet %d", n)
		types[p.Type]++
	}
	require.Positive(t, types[media.PCMA])
	require.Positive(t, types[media.PCMU])
}

func TestCalleeWhoMovesToWhereWeCannotPlayIsHungUp(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Reinvites: []siptest.Reinvite{
		{After: 300 * time.Millisecond, Media: netip.MustParseAddrPort("[::1]:4000")}}})
	r.clips[r.clip] = noise(3000)
	report, call := r.place(t.Context())
	require.Equal(t, avanak.Partial.String(), report.Result.Outcome.String())
	require.Equal(t, []any{200, sip.CauseIncompatible, avanak.Us}, []any{report.Result.SIP, report.Result.Cause, report.Ended})
	require.Contains(t, report.Detail, "media_negotiation_failed: ")
	require.Positive(t, report.Result.Played)
	require.Contains(t, call.Reason, "cause=88")
}
