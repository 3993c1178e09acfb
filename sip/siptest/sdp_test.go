package siptest

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodOffer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 5000 RTP/AVP 96\r\n" +
	"c=IN IP4 192.0.2.3\r\nm=audio 4000 RTP/AVP 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\n" +
	"m=audio 6000 RTP/AVP 8\r\nc=IN IP4 192.0.2.4\r\na=rtpmap:96 telephone-event/8000\r\n"

func TestOfferIsAnsweredLineByLine(t *testing.T) {
	o, err := readOffer([]byte(goodOffer))
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1:4000", o.media.String())
	format, err := o.choose(false)
	require.NoError(t, err)
	require.Equal(t, uint8(PCMU), format, "the offer's first")
	got := string(o.answer(netip.MustParseAddrPort("127.0.0.1:7000"), format))
	require.Equal(t, "v=0\r\no=callee 7000 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=video 0 RTP/AVP 96\r\nm=audio 7000 RTP/AVP 0 97\r\na=rtpmap:0 PCMU/8000\r\n"+
		"a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=ptime:20\r\na=sendrecv\r\nm=audio 0 RTP/AVP 8\r\n", got)
	back, err := readOffer([]byte(got))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:7000", back.media.String())
}

func TestOfferOfIPv6AtMediaLevel(t *testing.T) {
	o, err := readOffer([]byte("v=0\nm=audio 4000 RTP/AVP 8 0\nc=IN IP6 2001:db8::1\n"))
	require.NoError(t, err)
	require.Equal(t, "[2001:db8::1]:4000", o.media.String())
	format, _ := o.choose(true)
	require.Equal(t, uint8(PCMU), format, "as wished")
	format, _ = o.choose(false)
	require.Equal(t, uint8(PCMA), format)
	require.Contains(t, string(o.answer(netip.MustParseAddrPort("[::1]:7000"), PCMA)), "c=IN IP6 ::1\r\n")
}

func TestOffersThatAreRefused(t *testing.T) {
	for name, body := range map[string]string{
		"empty":         "",
		"no version":    "o=- 1\r\n",
		"no audio":      "v=0\r\nc=IN IP4 192.0.2.1\r\nm=video 1 RTP/AVP 8\r\n",
		"no address":    "v=0\r\nm=audio 4000 RTP/AVP 8\r\n",
		"port 0":        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 8\r\n",
		"port 99999":    "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 99999 RTP/AVP 8\r\n",
		"srtp":          "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 8\r\n",
		"format":        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 300\r\n",
		"family":        "v=0\r\nc=IN IP6 192.0.2.1\r\nm=audio 4000 RTP/AVP 8\r\n",
		"name":          "v=0\r\nc=IN IP4 host\r\nm=audio 4000 RTP/AVP 8\r\n",
		"line":          "v=0\r\nrubbish\r\n",
		"many lines":    "v=0\r\n" + strings.Repeat("a=x\r\n", maxSDPLines),
		"many media":    "v=0\r\n" + strings.Repeat("m=video 1 RTP/AVP 8\r\n", maxMedia+1),
		"many formats":  "v=0\r\nm=audio 1 RTP/AVP" + strings.Repeat(" 8", maxFormats+1),
		"a megabyte":    "v=0\r\n" + strings.Repeat("a=x\r\n", 200000),
		"a long line":   goodOffer + "a=" + strings.Repeat("x", maxSDP),
		"short m":       "v=0\r\nm=audio 1\r\n",
		"attribute hmm": "v=0\r\na",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readOffer([]byte(body))
			require.Error(t, err)
		})
	}
}

func FuzzOffer(f *testing.F) {
	f.Add([]byte(goodOffer))
	f.Add([]byte("v=0\nm=audio 4000 RTP/AVP 8\nc=IN IP6 ::1\na=rtpmap:8\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := readOffer(b)
		if err != nil {
			return
		}
		require.NotZero(t, o.media.Port())
		require.LessOrEqual(t, len(o.lines), maxMedia)
		if format, err := o.choose(false); err == nil {
			_, err = readOffer(o.answer(netip.MustParseAddrPort("127.0.0.1:7000"), format))
			require.NoError(t, err)
		}
	})
}

func FuzzPacket(f *testing.F) {
	f.Add(rtpPacket(1, 2, 8, clip(1)))
	f.Add([]byte("\xb1\x08\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00csrcex\x00\x01wordpayload\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := readPacket(b)
		if ok {
			require.LessOrEqual(t, len(p.Payload), len(b)-12)
			require.Zero(t, b[0]&0x40)
		}
	})
}

func TestPacketWithAllTheTrimmings(t *testing.T) {
	p, ok := readPacket([]byte("\xb1\x88\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03csrcex\x00\x01word" + "payload\x00\x02"))
	require.True(t, ok)
	require.Equal(t, Packet{Payload: []byte("payload"), Timestamp: 2, SSRC: 3, Sequence: 1, Type: 8, Marker: true}, p)
}
