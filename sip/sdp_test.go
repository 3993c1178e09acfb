package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOfferIsReadAsItIsMeant(t *testing.T) {
	for _, ip := range []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"} {
		addr := netip.MustParseAddr(ip)
		offer := Offer(addr, 40000, 42)
		require.Contains(t, string(offer), "o=avanak 42 1 IN IP")
		require.NotContains(t, strings.ReplaceAll(string(offer), "\r\n", ""), "\n")
		got, err := ParseAnswer(offer)
		require.NoError(t, err)
		require.Equal(t, Answer{Addr: netip.AddrPortFrom(addr.Unmap(), 40000), PayloadType: PCMA, Event: Event,
			PTime: 20 * time.Millisecond, Direction: SendRecv}, got)
	}
}

// T16: descriptions that are of no use to us, or meant to hurt.
func TestParseAnswer(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\n"
	const session = head + "c=IN IP4 192.0.2.9\r\nt=0 0\r\n"
	at := netip.MustParseAddrPort("192.0.2.9:4000")
	plain := Answer{Addr: at, PayloadType: PCMA, PTime: 20 * time.Millisecond, Direction: SendRecv}
	with := func(change func(*Answer)) Answer { a := plain; change(&a); return a }
	tests := []struct {
		name string
		text string
		want Answer
		err  error
	}{
		{"A-law", session + "m=audio 4000 RTP/AVP 8\r\n", plain, nil},
		{"µ-law", session + "m=audio 4000 RTP/AVP 0\r\n", with(func(a *Answer) { a.PayloadType = PCMU }), nil},
		{"their order decides", session + "m=audio 4000 RTP/AVP 0 8\r\n", with(func(a *Answer) { a.PayloadType = PCMU }), nil},
		{"other codecs are passed over", session + "m=audio 4000 RTP/AVP 18 3 8 0\r\n", plain, nil},
		{"events under another number", session + "m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n",
			with(func(a *Answer) { a.Event = 96 }), nil},
		{"events that the media line does not list", session + "m=audio 4000 RTP/AVP 8\r\na=rtpmap:96 telephone-event/8000\r\n", plain, nil},
		{"events of another rate", session + "m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/16000\r\n", plain, nil},
		{"packets of 30 ms", session + "m=audio 4000 RTP/AVP 8\r\na=ptime:30\r\n", with(func(a *Answer) { a.PTime = 30 * time.Millisecond }), nil},
		{"packets of an absurd length", session + "m=audio 4000 RTP/AVP 8\r\na=ptime:99999999999\r\n", plain, nil},
		{"direction of the session", head + "c=IN IP4 192.0.2.9\r\na=recvonly\r\nm=audio 4000 RTP/AVP 8\r\n", with(func(a *Answer) { a.Direction = RecvOnly }), nil},
		{"direction of the stream", head + "c=IN IP4 192.0.2.9\r\na=recvonly\r\nm=audio 4000 RTP/AVP 8\r\na=sendonly\r\n", with(func(a *Answer) { a.Direction = SendOnly }), nil},
		{"address of the stream", session + "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 192.0.2.77\r\n", with(func(a *Answer) { a.Addr = netip.MustParseAddrPort("192.0.2.77:4000") }), nil},
		{"address of the stream only", head + "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 192.0.2.9\r\n", plain, nil},
		{"IPv6", head + "c=IN IP6 2001:db8::1\r\nm=audio 4000 RTP/AVP 8\r\n", with(func(a *Answer) { a.Addr = netip.MustParseAddrPort("[2001:db8::1]:4000") }), nil},
		{"hold of the old kind", head + "c=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 8\r\n", with(func(a *Answer) {
			a.Addr = netip.MustParseAddrPort("0.0.0.0:4000")
			a.Direction = Inactive
		}), nil},
		{"second stream where the first is declined", session + "m=audio 0 RTP/AVP 8\r\nm=video 5000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 8\r\n", plain, nil},
		{"bare line feeds", strings.ReplaceAll(session+"m=audio 4000 RTP/AVP 8\r\n", "\r\n", "\n"), plain, nil},
		{"no last line end", session + "m=audio 4000 RTP/AVP 8", plain, nil},
		{"a number of ports", session + "m=audio 4000/2 RTP/AVP 8\r\n", plain, nil},
		{"static type with its map", session + "m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 pcma/8000/1\r\n", plain, nil},

		{"empty", "", Answer{}, ErrSDP},
		{"one megabyte", session + "m=audio 4000 RTP/AVP 8\r\n" + strings.Repeat("a=x\r\n", 200_000), Answer{}, ErrSDP},
		{"many lines", session + strings.Repeat("a=x\n", 600), Answer{}, ErrSDP},
		{"no version first", "o=- 1 1 IN IP4 192.0.2.9\r\nv=0\r\n", Answer{}, ErrSDP},
		{"another version", "v=1\r\n", Answer{}, ErrSDP},
		{"no SDP", "hello", Answer{}, ErrSDP},
		{"no media", session, Answer{}, ErrNoAudio},
		{"declined", session + "m=audio 0 RTP/AVP 8\r\n", Answer{}, ErrNoAudio},
		{"video", session + "m=video 4000 RTP/AVP 8\r\n", Answer{}, ErrNoAudio},
		{"fax", session + "m=image 4000 udptl t38\r\nx", Answer{}, ErrSDP},
		{"encrypted", session + "m=audio 4000 RTP/SAVP 8\r\n", Answer{}, ErrNoAudio},
		{"no codec of ours", session + "m=audio 4000 RTP/AVP 18 101\r\n", Answer{}, ErrNoAudio},
		{"static type with a foreign map", session + "m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 G729/8000\r\n", Answer{}, ErrNoAudio},
		{"no address", head + "m=audio 4000 RTP/AVP 8\r\n", Answer{}, ErrSDP},
		{"a host name", head + "c=IN IP4 media.example.com\r\nm=audio 4000 RTP/AVP 8\r\n", Answer{}, ErrSDP},
		{"multicast", head + "c=IN IP4 224.2.1.1/127\r\nm=audio 4000 RTP/AVP 8\r\n", Answer{}, ErrSDP},
		{"broadcast", head + "c=IN IP4 255.255.255.255\r\nm=audio 4000 RTP/AVP 8\r\n", Answer{}, ErrSDP},
		{"a zone", head + "c=IN IP6 fe80::1%eth0\r\nm=audio 4000 RTP/AVP 8\r\n", Answer{}, ErrSDP},
		{"another network", head + "c=ATM NSAP 47\r\nm=audio 4000 RTP/AVP 8\r\n", Answer{}, ErrSDP},
		{"port too large", session + "m=audio 70000 RTP/AVP 8\r\n", Answer{}, ErrSDP},
		{"negative port", session + "m=audio -1 RTP/AVP 8\r\n", Answer{}, ErrSDP},
		{"no formats", session + "m=audio 4000 RTP/AVP\r\n", Answer{}, ErrSDP},
		{"formats without end", session + "m=audio 4000 RTP/AVP" + strings.Repeat(" 8", 500) + "\r\n", Answer{}, ErrSDP},
		{"format out of range", session + "m=audio 4000 RTP/AVP 264\r\n", Answer{}, ErrNoAudio},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseAnswer([]byte(tt.text))
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.want, got)
		})
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(answerSDP))
	f.Add(Offer(netip.MustParseAddr("2001:db8::1"), 4000, 1))
	f.Add([]byte("v=0\nc=IN IP4 0.0.0.0\nm=audio 4000/2 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\na=ptime:20\na=inactive\n"))
	f.Add([]byte("v=0\nm=audio 0 RTP/AVP 8\nm=image 4000 udptl t38\nc=IN IP6 ::1\na=rtpmap:-1 x\na=ptime:\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAnswer(b)
		if err != nil {
			require.Zero(t, a)
			return
		}
		require.True(t, a.Addr.IsValid())
		require.NotZero(t, a.Addr.Port())
		require.Contains(t, []uint8{PCMA, PCMU}, a.PayloadType)
		require.True(t, a.Direction.known())
		require.True(t, a.PTime >= 10*time.Millisecond && a.PTime <= 200*time.Millisecond)
		require.True(t, a.Event == 0 || a.Event >= 96 && a.Event < 128)
	})
}
