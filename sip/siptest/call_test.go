package siptest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnsweredCallIsRecordedToTheLastFrame(t *testing.T) {
	f := start(t, Config{})
	p := newPhone(t, f)
	before := time.Now().Round(0)
	p.invite()
	p.expect("SIP/2.0 100")
	ringing := p.expect("SIP/2.0 180")
	ok := p.expect("SIP/2.0 200")
	require.Equal(t, ringing.value("To"), ok.value("To"))
	require.Equal(t, fmt.Sprintf("SIP/2.0/UDP %s;branch=%s;rport=%d;received=127.0.0.1", p.sip.LocalAddr(), p.branch,
		netip.MustParseAddrPort(p.sip.LocalAddr().String()).Port()), ok.value("Via"))
	require.Contains(t, ok.body(), " RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n")
	p.hear(ok)
	p.ack(ok)
	p.play(slices.Concat(silence(3), clip(40), silence(2)))
	p.bye(ok)
	p.expect("SIP/2.0 200")

	c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
	require.NoError(t, err)
	require.Equal(t, "09120000001", c.Number)
	require.Equal(t, "021000000", c.From)
	require.Equal(t, 200, c.Status)
	require.Equal(t, Caller, c.ByeBy)
	require.Equal(t, "Q.850;cause=16", c.Reason)
	require.Equal(t, p.rtp.LocalAddr().String(), c.Offered.String())
	require.Equal(t, p.rtp.LocalAddr().String(), c.RTP.Source.String())
	instants := []time.Time{before, c.InviteAt, c.RingingAt, c.AnsweredAt, c.AckAt, c.RTP.FirstAt, c.RTP.LastAt, c.ByeAt,
		c.EndedAt}
	for i := 1; i < len(instants); i++ {
		require.False(t, instants[i].Round(0).Before(instants[i-1].Round(0)), "instant %d of %v", i, instants)
	}
	h := c.Heard()
	require.Equal(t, Match{Complete: true, BitExact: true, Start: 3 * 160, FramesHeard: 40}, h.Match(clip(40), 160, 0xd5))
	require.Equal(t, 45, c.RTP.Packets)
	require.Equal(t, 45*160, c.RTP.Bytes)
	require.Zero(t, h.Lost+h.Reordered+h.Duplicates+h.TimestampGaps)
	require.Equal(t, Counts{Datagrams: 3, Invites: 1, Calls: 1, Ringing: 1, Answered: 1, Acked: 1, Byes: 1, Ended: 1,
		Packets: 45}, f.Counts())
	require.Zero(t, f.Counts().Live())
}

func TestRefusalsAreRepeatedUntilAcknowledged(t *testing.T) {
	for name, tc := range map[string]struct {
		as     Behaviour
		status int
		header string
		value  string
	}{
		"busy":        {Behaviour{Kind: Busy, ReasonCause: 17}, 486, "Reason", "Q.850;cause=17"},
		"unavailable": {Behaviour{Kind: Unavailable, RetryAfter: 3 * time.Second}, 503, "Retry-After", "3"},
		"not found":   {Behaviour{Kind: NotFound}, 404, "Reason", ""},
		"decline":     {Behaviour{Kind: Decline, Extra: []string{"X-Test: 1"}}, 603, "X-Test", "1"},
		"status":      {Behaviour{Kind: Answer, Status: 480}, 480, "Reason", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := all(tc.as)
			cfg.T1 = 200 * time.Millisecond
			f := start(t, cfg)
			p := newPhone(t, f)
			p.invite()
			p.expect("SIP/2.0 100")
			want := fmt.Sprintf("SIP/2.0 %d ", tc.status)
			first := p.expect(want)
			require.Equal(t, tc.value, first.value(tc.header))
			require.Equal(t, first, p.expect(want))
			p.ackRefusal(first)
			c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
			require.NoError(t, err)
			require.Equal(t, tc.status, c.Status)
			require.False(t, c.AckAt.IsZero())
			require.True(t, c.RingingAt.IsZero())
			require.Equal(t, 1, f.Counts().Refused)
		})
	}
}

func TestRefusalAfterRinging(t *testing.T) {
	f := start(t, all(Behaviour{Kind: Decline, Provisionals: 2}))
	p := newPhone(t, f)
	p.invite()
	p.expect("SIP/2.0 100")
	p.expect("SIP/2.0 180")
	p.expect("SIP/2.0 180")
	p.expect("SIP/2.0 603")
}

func TestNoAnswerRingsUntilCancelled(t *testing.T) {
	f := start(t, all(Behaviour{Kind: NoAnswer}))
	p := newPhone(t, f)
	p.invite()
	p.expect("SIP/2.0 100")
	p.expect("SIP/2.0 180")
	p.cancel()
	require.Contains(t, p.expect("SIP/2.0 200").value("CSeq"), "CANCEL")
	terminated := p.expect("SIP/2.0 487")
	require.Contains(t, terminated.value("CSeq"), "INVITE")
	p.ackRefusal(terminated)
	c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
	require.NoError(t, err)
	require.Equal(t, 487, c.Status)
	require.Equal(t, "SIP;cause=487", c.Reason)
	require.False(t, c.CancelAt.IsZero())
	p.cancel()
	p.await("SIP/2.0 200")
	require.Equal(t, 1, f.Counts().Cancelled)
}

func TestCancelAfterTheFinalResponseChangesNothing(t *testing.T) {
	f := start(t, Config{})
	p := newPhone(t, f)
	p.answered()
	p.cancel()
	require.Contains(t, p.expect("SIP/2.0 200").value("CSeq"), "CANCEL")
	p.quiet()
	c, _ := f.Call(p.callID)
	require.True(t, c.CancelAt.IsZero())
	require.False(t, c.Ended())
}

func TestSilentCalleeOnlyListens(t *testing.T) {
	f := start(t, all(Behaviour{Kind: Silent}))
	p := newPhone(t, f)
	p.invite()
	p.invite()
	p.cancel()
	p.quiet()
	c, ok := f.Call(p.callID)
	require.True(t, ok)
	require.True(t, c.Ended())
	require.False(t, c.CancelAt.IsZero())
	require.Equal(t, 1, c.Invites[0].Retransmissions)
	require.Len(t, f.Invites(), 1)
}

func TestSilentCalleeMayAnswerOutOfTheBlue(t *testing.T) {
	f := start(t, all(Behaviour{Kind: Silent, AnswerAfter: time.Millisecond}))
	p := newPhone(t, f)
	p.invite()
	p.ack(p.expect("SIP/2.0 200"))
	require.NoError(t, f.WaitFor(patient(t), func(n Counts) bool { return n.Acked == 1 }))
}

func TestAnswerThatCrossesCancel(t *testing.T) {
	f := start(t, all(Behaviour{Kind: NoAnswer, LateAnswer: true}))
	p := newPhone(t, f)
	p.invite()
	p.await("SIP/2.0 180")
	p.cancel()
	require.Contains(t, p.expect("SIP/2.0 200").value("CSeq"), "CANCEL")
	ok := p.expect("SIP/2.0 200")
	require.Contains(t, ok.value("CSeq"), "INVITE")
	p.ack(ok)
	p.bye(ok)
	c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
	require.NoError(t, err)
	require.False(t, c.CancelAt.IsZero())
	require.False(t, c.AckAt.IsZero())
	require.Equal(t, Caller, c.ByeBy)
}

func TestForkedAnswerHasTwoDialogs(t *testing.T) {
	f := start(t, all(Behaviour{ForkAnswer: true}))
	p := newPhone(t, f)
	p.invite()
	one := p.await("SIP/2.0 200")
	two := p.expect("SIP/2.0 200")
	require.NotEqual(t, one.value("To"), two.value("To"))
	p.ack(one)
	p.ack(two)
	p.bye(two)
	p.expect("SIP/2.0 200")
	c, _ := f.Call(p.callID)
	require.False(t, c.Fork.AckAt.IsZero())
	require.False(t, c.Fork.ByeAt.IsZero())
	require.True(t, c.ByeAt.IsZero(), "the first leg lives on")
	p.bye(one)
	p.expect("SIP/2.0 200")
	c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
	require.NoError(t, err)
	require.Equal(t, 1, c.Byes)
}

func TestLostAckBringsThe200Again(t *testing.T) {
	cfg := all(Behaviour{IgnoreAcks: 1})
	cfg.T1 = 200 * time.Millisecond
	f := start(t, cfg)
	p := newPhone(t, f)
	first := p.answered()
	require.Equal(t, first, p.await("SIP/2.0 200"))
	p.ack(first)
	c, err := f.WaitCall(patient(t), p.callID, func(c Call) bool { return !c.AckAt.IsZero() })
	require.NoError(t, err)
	require.GreaterOrEqual(t, c.Acks, 2)
}

func TestUnacknowledgedAnswerEndsInBye(t *testing.T) {
	f := start(t, Config{T1: 2 * time.Millisecond})
	p := newPhone(t, f)
	p.invite()
	p.await("SIP/2.0 200")
	p.await("BYE ")
	c, err := f.WaitCall(patient(t), p.callID, Call.Ended) // nor is the BYE answered
	require.NoError(t, err)
	require.Equal(t, Callee, c.ByeBy)
	require.True(t, c.AckAt.IsZero())
	require.Zero(t, c.ByeStatus)
}

func TestIgnoredByeStaysWithoutAnswer(t *testing.T) {
	f := start(t, all(Behaviour{IgnoreBye: true}))
	p := newPhone(t, f)
	ok := p.answered()
	p.bye(ok)
	p.bye(ok)
	p.quiet()
	c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
	require.NoError(t, err)
	require.Equal(t, 2, c.Byes)
	require.Equal(t, 1, f.Counts().Byes)
}

func TestForcedProvisionalsAndEarlyMedia(t *testing.T) {
	f := start(t, all(Behaviour{Provisionals: 14, EarlyMedia: true, ULaw: true}))
	p := newPhone(t, f)
	p.invite()
	p.expect("SIP/2.0 100")
	for range 14 {
		require.Contains(t, p.expect("SIP/2.0 183").body(), " RTP/AVP 0 101\r\n")
	}
	require.Contains(t, p.expect("SIP/2.0 200").body(), " RTP/AVP 0 101\r\n")
}

func TestNoProvisionalAtAll(t *testing.T) {
	f := start(t, all(Behaviour{Provisionals: -1}))
	p := newPhone(t, f)
	p.invite()
	p.expect("SIP/2.0 100")
	p.expect("SIP/2.0 200")
}

func TestEchoSendsMediaBack(t *testing.T) {
	f := start(t, all(Behaviour{EchoRTP: true}))
	p := newPhone(t, f)
	p.answered()
	p.play(clip(2))
	require.Equal(t, string(rtpPacket(65530, 0, 8, clip(1))), string(read(t, p.rtp)))
	require.Equal(t, string(rtpPacket(65531, 160, 8, clip(2)[160:])), string(read(t, p.rtp)))
}

func TestOfferWithoutOurCodecsIsNotAcceptable(t *testing.T) {
	f := start(t, Config{})
	for i, body := range []string{"", "v=0\r\n", strings.Repeat("x", 20000),
		"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 18 101\r\n"} {
		p := newPhone(t, f)
		p.callID, p.branch, p.body = fmt.Sprint("call-", i), fmt.Sprint("z9hG4bK-", i), &body
		p.invite()
		p.await("SIP/2.0 488")
	}
}
