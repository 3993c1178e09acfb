package siptest

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reply answers a request of the farm's.
func (p *phone) reply(req answer, status, body string) {
	p.t.Helper()
	p.write("SIP/2.0 "+status, "Via: "+req.value("Via"), "From: "+req.value("From"), "To: "+req.value("To"),
		"Call-ID: "+req.value("Call-ID"), "CSeq: "+req.value("CSeq"), fmt.Sprintf("Content-Length: %d", len(body)), "", body)
}

func TestCalleeOffersAgainWithinTheCall(t *testing.T) {
	f := start(t, Config{T1: 200 * time.Millisecond, Behave: func(string, int) Behaviour {
		return Behaviour{HangUpAfter: time.Second, Reinvites: []Reinvite{
			{After: time.Millisecond, Direction: "sendonly"},
			{After: time.Millisecond, Media: netip.MustParseAddrPort("0.0.0.0:4000"), ULaw: true},
			{After: time.Hour},
		}}
	}})
	p := newPhone(t, f)
	ok := p.answered()
	hold := p.await("INVITE sip:us@")
	require.Equal(t, hold, p.expect("INVITE "), "repeated until answered")
	require.Equal(t, ok.value("To"), hold.value("From"))
	require.Equal(t, "1 INVITE", hold.value("CSeq"))
	c, _ := f.Call(p.callID)
	require.Contains(t, hold.body(), fmt.Sprintf("o=callee %d 2 IN IP4 127.0.0.1\r\n", c.Media.Port()))
	require.Contains(t, hold.body(), fmt.Sprintf("m=audio %d RTP/AVP 8 101\r\n", c.Media.Port()))
	require.Contains(t, hold.body(), "a=sendonly\r\n")
	require.NotContains(t, hold.body(), "sendrecv")
	p.reply(hold, "200 OK", "v=0\r\nm=audio 4000 RTP/AVP 8\r\na=recvonly\r\n")
	ack := p.await("ACK sip:us@")
	require.Equal(t, "1 ACK", ack.value("CSeq"))
	require.NotEqual(t, hold.value("Via"), ack.value("Via"))
	p.reply(hold, "200 OK", "")
	require.Equal(t, ack, p.await("ACK "), "each copy of a 2xx gets its ACK")

	move := p.await("INVITE ")
	require.Equal(t, "2 INVITE", move.value("CSeq"))
	require.Contains(t, move.body(), fmt.Sprintf("o=callee %d 3 IN IP4 0.0.0.0\r\n", c.Media.Port()))
	require.Contains(t, move.body(), "c=IN IP4 0.0.0.0\r\n")
	require.Contains(t, move.body(), "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n")
	p.reply(move, "488 Not Acceptable Here", "")
	require.Equal(t, move.value("Via"), p.await("ACK ").value("Via"), "the ACK of a refusal is of its transaction")

	bye := p.await("BYE ")
	require.Equal(t, "3 BYE", bye.value("CSeq"))
	p.reply(bye, "200 OK", "")
	c, err := f.WaitCall(patient(t), p.callID, Call.Ended)
	require.NoError(t, err)
	require.Len(t, c.Reinvites, 2)
	require.Equal(t, []any{200, "recvonly", 488, ""}, []any{c.Reinvites[0].Status, c.Reinvites[0].Direction,
		c.Reinvites[1].Status, c.Reinvites[1].Direction})
	require.False(t, c.Reinvites[0].AnsweredAt.Before(c.Reinvites[0].SentAt.Add(200*time.Millisecond)))
}

func TestCalleeTalks(t *testing.T) {
	f := start(t, all(Behaviour{TalkRTP: true}))
	p := newPhone(t, f)
	p.answered()
	c, _ := f.Call(p.callID)
	for n := range 3 {
		require.NoError(t, p.rtp.SetReadDeadline(time.Now().Add(patience)))
		buf := make([]byte, 2048)
		size, from, err := p.rtp.ReadFromUDPAddrPort(buf)
		require.NoError(t, err)
		require.Equal(t, c.Media, from)
		packet, ok := readPacket(buf[:size])
		require.True(t, ok)
		require.Equal(t, []any{uint8(PCMA), uint16(n), silence(1)}, []any{packet.Type, packet.Sequence, packet.Payload})
	}
}
