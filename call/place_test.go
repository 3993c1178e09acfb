package call

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/media"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/sip/siptest"
)

const (
	alawSilence, ulawSilence = 0xD5, 0xFF
	leadBytes                = int(lead/avanak.FrameTime) * avanak.FrameBytes
)

func TestAnsweredCalleeHearsTheClipFromItsFirstFrame(t *testing.T) {
	for name, ulaw := range map[string]bool{"a-law": false, "µ-law": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, siptest.Behaviour{ULaw: ulaw})
			frames, silence, payload := r.frames.ALaw, byte(alawSilence), media.PCMA
			if ulaw {
				frames, silence, payload = r.frames.ULaw, ulawSilence, media.PCMU
			}
			report, heard := r.place(t.Context())
			match := heard.Heard().Match(frames, avanak.FrameBytes, silence)
			require.True(t, match.BitExact, "%+v", match)
			require.Equal(t, leadBytes, match.Start, "the lead-in comes first")
			require.Equal(t, payload, heard.PayloadType)
			require.Equal(t, heard.Offered, heard.RTP.Source, "media leaves from the port that was offered")
			require.Zero(t, heard.Offered.Port()%2)
			require.False(t, heard.RTP.FirstAt.Before(heard.AnsweredAt), "no media before the answer")
			require.Equal(t, siptest.Caller, heard.ByeBy)
			require.Contains(t, heard.Reason, "cause=16")

			require.Equal(t, avanak.Completed.String(), report.Result.Outcome.String())
			require.Equal(t, avanak.ClassAnswered.String(), report.Class.String())
			require.Equal(t, []any{200, 16, avanak.Us, time.Second},
				[]any{report.Result.SIP, report.Result.Cause, report.Ended, report.Result.Played})
			l := report.Timeline
			for i, pair := range [][2]time.Time{{l.Invited, l.Ringing}, {l.Ringing, l.Answered}, {l.Answered, l.FirstRTP},
				{l.FirstRTP.Add(lead / 2), l.FirstClip}, {l.FirstClip.Add(time.Second / 2), l.LastRTP}, {l.LastRTP, l.Ended}} {
				require.False(t, pair[0].IsZero())
				require.False(t, pair[1].Before(pair[0]), "instants %d and %d of %+v", i, i+1, l)
			}
			require.Equal(t, l.Answered.Sub(l.Invited), report.Result.Ring)
			require.Equal(t, l.Ended.Sub(l.Answered), report.Result.Talk)
			require.GreaterOrEqual(t, report.Result.Talk, lead+time.Second-avanak.FrameTime)
		})
	}
}

func TestInviteIsThatOfTheIntent(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Kind: siptest.Busy})
	i := r.intent()
	var asked []time.Time
	report := r.caller.Place(t.Context(), i, avanak.Route{Trunk: "t"}, func(context.Context) error {
		asked = append(asked, time.Now())
		require.Zero(t, r.farm.Counts().Datagrams, "the gate is asked before anything leaves")
		return nil
	})
	require.Len(t, asked, 1)
	heard := r.ended(i.CallID())
	require.Equal(t, i.Claim().Job+"-0-1", heard.CallID)
	require.Equal(t, i.Claim().Number.E164(), heard.Number)
	require.Equal(t, "+989120009999", heard.From)
	require.False(t, report.Timeline.Invited.Before(asked[0]))
}

// blockedOnTheWay is a network that says in words alone that it blocks our calls (603+).
var blockedOnTheWay = siptest.Behaviour{Status: 603, Extra: []string{`Reason: SIP;cause=603;text="Network Blocked"`}}

func TestRefusalBecomesItsOutcome(t *testing.T) {
	for name, tt := range map[string]struct {
		b      siptest.Behaviour
		want   avanak.Outcome
		class  avanak.Class
		dead   bool
		status int
		retry  time.Duration
	}{
		"busy":          {siptest.Behaviour{Kind: siptest.Busy, ReasonCause: 17}, avanak.Busy, avanak.ClassAway, false, 486, 0},
		"not found":     {siptest.Behaviour{Kind: siptest.NotFound}, avanak.InvalidNumber, avanak.ClassNumber, false, 404, 0},
		"unavailable":   {siptest.Behaviour{Status: 480}, avanak.NoAnswer, avanak.ClassAway, false, 480, 0},
		"trunk is full": {siptest.Behaviour{Kind: siptest.Unavailable, RetryAfter: 7 * time.Second}, avanak.Congestion, avanak.ClassCongestion, true, 503, 7 * time.Second},
		"full, and yet it rang": {siptest.Behaviour{Kind: siptest.Unavailable, Provisionals: 1, AnswerAfter: 200 * time.Millisecond},
			avanak.NoAnswer, avanak.ClassCongestion, false, 503, 0},
		"declined":           {siptest.Behaviour{Kind: siptest.Decline}, avanak.Rejected, avanak.ClassRefused, false, 603, 0},
		"no more of this":    {siptest.Behaviour{Status: 608, ReasonCause: 21}, avanak.Unwanted, avanak.ClassUnwanted, false, 608, 0},
		"blocked on the way": {blockedOnTheWay, avanak.Unwanted, avanak.ClassUnwanted, false, 603, 0},
		"not acceptable":     {siptest.Behaviour{Status: 488}, avanak.TrunkFault, avanak.ClassFault, true, 488, 0},
		"forbidden":          {siptest.Behaviour{Status: 403}, avanak.TrunkFault, avanak.ClassFault, true, 403, 0},
		"redirected":         {siptest.Behaviour{Status: 302}, avanak.Failed, avanak.ClassRefused, false, 302, 0},
		"cause over status":  {siptest.Behaviour{Kind: siptest.Unavailable, ReasonCause: 17}, avanak.Busy, avanak.ClassAway, false, 503, 0},
		"rang, then busy": {siptest.Behaviour{Kind: siptest.Busy, Provisionals: 2, AnswerAfter: 200 * time.Millisecond}, avanak.Busy,
			avanak.ClassAway, false, 486, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.b)
			report, heard := r.place(t.Context())
			require.Equal(t, tt.want.String(), report.Result.Outcome.String())
			require.Equal(t, []any{tt.status, tt.b.ReasonCause, tt.retry, avanak.Nobody},
				[]any{report.Result.SIP, report.Result.Cause, report.RetryAfter, report.Ended})
			require.Equal(t, tt.class.String(), report.Class.String())
			require.Equal(t, tt.dead, report.Dead)
			require.Positive(t, report.Result.Ring)
			require.Zero(t, report.Result.Talk+report.Result.Played)
			require.Zero(t, heard.RTP.Packets)
			require.Equal(t, tt.b.Provisionals > 0, !report.Timeline.Ringing.IsZero())
			require.Zero(t, heard.Byes)
		})
	}
}

func TestRingLimitCancels(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Kind: siptest.NoAnswer})
	r.ring = 300 * time.Millisecond
	report, heard := r.place(t.Context())
	require.Equal(t, avanak.NoAnswer.String(), report.Result.Outcome.String())
	require.Equal(t, avanak.ClassAway.String(), report.Class.String())
	require.Equal(t, 487, report.Result.SIP)
	require.False(t, heard.CancelAt.IsZero())
	require.GreaterOrEqual(t, heard.CancelAt.Sub(heard.RingingAt), r.ring-50*time.Millisecond)
	require.Zero(t, heard.RTP.Packets)
}

func TestCalleeWhoHangsUpHasHeardWhatIsReported(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Kind: siptest.HangUp, HangUpAfter: lead + 400*time.Millisecond})
	report, heard := r.place(t.Context())
	require.Equal(t, avanak.Partial.String(), report.Result.Outcome.String())
	require.Equal(t, avanak.Callee, report.Ended)
	require.Equal(t, 16, report.Result.Cause)
	require.Equal(t, []any{siptest.Callee, 200, 0}, []any{heard.ByeBy, heard.ByeStatus, heard.Byes})
	match := heard.Heard().Match(r.frames.ALaw, avanak.FrameBytes, alawSilence)
	require.False(t, match.Complete)
	require.Positive(t, match.FramesHeard)
	// Frames that left while the BYE was on its way may have found the socket closed.
	require.InDelta(t, match.FramesHeard, int(report.Result.Played/avanak.FrameTime), 5)
}

func TestAnswerThatCrossesTheCancelIsEndedAtOnce(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Kind: siptest.NoAnswer, LateAnswer: true})
	r.ring = 300 * time.Millisecond
	report, heard := r.place(t.Context())
	require.Equal(t, avanak.Partial.String(), report.Result.Outcome.String(), "the callee has picked up: that is not no answer")
	require.Equal(t, avanak.ClassAnswered.String(), report.Class.String())
	require.Zero(t, report.Result.Played)
	require.False(t, heard.AckAt.IsZero())
	require.Equal(t, siptest.Caller, heard.ByeBy)
	require.Zero(t, heard.RTP.Packets)
}

func TestSilentTrunkLeavesTheAttemptUncertain(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Kind: siptest.Silent})
	i := r.intent()
	report := r.caller.Place(t.Context(), i, avanak.Route{Trunk: "t"}, pass)
	require.Equal(t, avanak.Uncertain.String(), report.Result.Outcome.String())
	require.Equal(t, avanak.ClassSilent.String(), report.Class.String())
	require.False(t, report.Dead, "a phone may ring")
	require.Zero(t, report.Result.SIP)
	require.False(t, report.Timeline.Invited.IsZero())
	heard := r.seen(i.CallID(), func(siptest.Call) bool { return true })
	require.True(t, heard.CancelAt.IsZero(), "no CANCEL before a response (RFC 3261 section 9.1)")
}

func TestEndOfContextWhileRingingCancels(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Kind: siptest.NoAnswer})
	i := r.intent()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan avanak.Report, 1)
	go func() { done <- r.caller.Place(ctx, i, avanak.Route{Trunk: "t"}, pass) }()
	r.responded()
	cancel()
	report := <-done
	require.Equal(t, avanak.Aborted.String(), report.Result.Outcome.String())
	require.Equal(t, avanak.ClassUs.String(), report.Class.String())
	heard := r.ended(i.CallID())
	require.False(t, heard.CancelAt.IsZero())
	require.True(t, heard.AnsweredAt.IsZero())
}

// Before the first response no CANCEL may leave, and a phone may ring for all that we know.
func TestEndOfContextBeforeAResponseLeavesTheAttemptUncertain(t *testing.T) {
	r := newRig(t, siptest.Behaviour{Kind: siptest.Silent})
	i := r.intent()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan avanak.Report, 1)
	go func() { done <- r.caller.Place(ctx, i, avanak.Route{Trunk: "t"}, pass) }()
	heard := r.seen(i.CallID(), func(siptest.Call) bool { return true })
	cancel()
	report := <-done
	require.Equal(t, avanak.Uncertain.String(), report.Result.Outcome.String())
	require.False(t, report.Timeline.Invited.IsZero())
	require.True(t, heard.CancelAt.IsZero())
}

func TestEndOfContextWhileTalkingHangsUp(t *testing.T) {
	r := newRig(t, siptest.Behaviour{})
	r.clips[r.clip] = noise(3000) // a minute
	i := r.intent()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan avanak.Report, 1)
	go func() { done <- r.caller.Place(ctx, i, avanak.Route{Trunk: "t"}, pass) }()
	r.seen(i.CallID(), func(c siptest.Call) bool { return c.RTP.Packets > 10 })
	cancel()
	report := <-done
	require.Equal(t, avanak.Partial.String(), report.Result.Outcome.String())
	require.Equal(t, []any{avanak.Us, "shutdown"}, []any{report.Ended, report.Detail})
	require.Positive(t, report.Result.Played)
	heard := r.ended(i.CallID())
	require.Equal(t, siptest.Caller, heard.ByeBy)
	require.Contains(t, heard.Reason, "cause=16")
}

func TestAnswerWithoutMediaForUsFailsAndIsHungUp(t *testing.T) {
	session := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
	for name, sdp := range map[string]string{
		"no common codec":     session + "m=audio 40000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n",
		"stream refused":      session + "m=audio 0 RTP/AVP 8\r\n",
		"no audio":            session + "m=video 40000 RTP/AVP 31\r\n",
		"no session at all":   "not a session description",
		"several streams":     session + "m=audio 0 RTP/AVP 8\r\nm=video 40000 RTP/AVP 31\r\nm=audio 40002 RTP/SAVP 8\r\nm=image 40004 udptl t38\r\n",
		"port out of range":   session + "m=audio 70000 RTP/AVP 8\r\n",
		"codec of our number": session + "m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 G729/8000\r\n",
		"20 kB":               session + "m=audio 40000 RTP/AVP 8\r\n" + strings.Repeat("a=x\r\n", 4_000),
		"other family":        strings.Replace(session, "IP4 127.0.0.1\r\nt", "IP6 ::1\r\nt", 1) + "m=audio 40000 RTP/AVP 8\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, siptest.Behaviour{AnswerSDP: sdp})
			report, heard := r.place(t.Context())
			require.Equal(t, avanak.Failed.String(), report.Result.Outcome.String())
			require.Equal(t, []any{200, 88, avanak.Us}, []any{report.Result.SIP, report.Result.Cause, report.Ended})
			require.Contains(t, report.Detail, "media_negotiation_failed: ")
			require.Equal(t, avanak.ClassAnswered.String(), report.Class.String(), "the callee has picked up")
			require.False(t, report.Dead)
			require.False(t, heard.AckAt.IsZero())
			require.Equal(t, siptest.Caller, heard.ByeBy)
			require.Contains(t, heard.Reason, "cause=88")
			require.Zero(t, heard.RTP.Packets)
		})
	}
}

func TestNothingIsDialled(t *testing.T) {
	away := fmt.Errorf("disk: %w", avanak.ErrUnavailable)
	for name, tt := range map[string]struct {
		change func(*rig)
		none   bool // no intent
		trunk  string
		gate   error
		want   avanak.Outcome
		detail string
	}{
		"no intent":         {none: true, want: avanak.Failed, detail: "no intent"},
		"no such trunk":     {trunk: "other", want: avanak.Failed, detail: "no such trunk"},
		"gate refuses":      {gate: errors.New("paused"), want: avanak.Congestion, detail: "not sent"},
		"clip is gone":      {change: func(r *rig) { delete(r.clips, r.clip) }, want: avanak.Failed, detail: "clip cannot be read"},
		"clip store away":   {change: func(r *rig) { r.clips[r.clip] = away }, want: avanak.Congestion, detail: "clip store unavailable"},
		"no media port":     {change: (*rig).occupyPorts, want: avanak.Congestion, detail: "no media port"},
		"clip of no frames": {change: func(r *rig) { r.clips[r.clip] = avanak.Frames{} }, want: avanak.Failed, detail: "clip is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, siptest.Behaviour{})
			if tt.change != nil {
				tt.change(r)
			}
			i := queue.Intent{}
			if !tt.none {
				i = r.intent()
			}
			trunk := "t"
			if tt.trunk != "" {
				trunk = tt.trunk
			}
			report := r.caller.Place(t.Context(), i, avanak.Route{Trunk: trunk}, func(context.Context) error { return tt.gate })
			require.Equal(t, tt.want.String(), report.Result.Outcome.String())
			require.Equal(t, tt.detail, report.Detail)
			require.Equal(t, avanak.ClassUs.String(), report.Class.String(), "no word of the trunk's")
			require.False(t, report.Dead)
			require.True(t, report.Timeline.Invited.IsZero())
			require.False(t, report.Timeline.Ended.IsZero())
			r.quiet()
			r.portsAreFree()
		})
	}
}

// occupyPorts leaves the trunk a single port, which somebody else holds.
func (r *rig) occupyPorts() {
	for {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(r, err)
		port := uint16(conn.LocalAddr().(*net.UDPAddr).Port) //nolint:gosec // a port
		if port%2 != 0 {
			require.NoError(r, conn.Close())
			continue
		}
		r.Cleanup(func() { _ = conn.Close() })
		r.idle++
		line := r.caller.lines["t"]
		line.Ports, err = media.NewPorts(media.PortRange{IP: loopback, Min: port, Max: port + 1})
		require.NoError(r, err)
		r.caller.lines["t"] = line
		return
	}
}

// quiet tells that nothing has reached the farm: the datagram that is sent now comes first.
func (r *rig) quiet() {
	r.Helper()
	conn, err := net.Dial("udp4", r.farm.Addr().String())
	require.NoError(r, err)
	defer conn.Close() //nolint:errcheck // a test's socket
	_, err = conn.Write([]byte("mark"))
	require.NoError(r, err)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	require.NoError(r, r.farm.WaitFor(ctx, func(n siptest.Counts) bool { return n.Garbage == 1 }))
	require.Equal(r, siptest.Counts{Datagrams: 1, Garbage: 1}, r.farm.Counts())
}

func TestNewRefusesAnIncompleteLine(t *testing.T) {
	r := newRig(t, siptest.Behaviour{})
	whole := r.caller.lines["t"]
	for name, change := range map[string]func(*Line){
		"agent":   func(l *Line) { l.Agent = nil },
		"ports":   func(l *Line) { l.Ports = nil },
		"address": func(l *Line) { l.Address = netip.Addr{} },
	} {
		line := whole
		change(&line)
		_, err := New(map[string]Line{"x": line}, r.caller.pacer, r.clips, 0, r.caller.log)
		require.EqualError(t, err, "call: invalid: line x is not complete", name)
	}
	_, err := New(map[string]Line{"x": whole}, r.caller.pacer, r.clips, time.Minute, r.caller.log)
	require.EqualError(t, err, "call: invalid: lead-in is over 10s")
}
