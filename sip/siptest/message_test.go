package siptest

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodInvite = "INVITE sip:+989120000001;npdi@127.0.0.1:5060;user=phone SIP/2.0\r\n" +
	"v: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.1\r\n" +
	"Via: SIP/2.0/TCP 192.0.2.2\r\n" +
	"f: \"a \\\" <b>;tag=no\" <sip:x@y;tag=no>;x=1; Tag = abc\r\n" +
	"To: sip:z@y\r\n i: x\r\n" +
	"Call-ID:id\r\nCSEQ: 1 INVITE\r\nl: 3\r\n\r\nabcdef"

func TestParseReadsCompactFoldedAndQuoted(t *testing.T) {
	m, err := parse([]byte(goodInvite))
	require.NoError(t, err)
	require.Equal(t, "abc", m.fromTag)
	require.Empty(t, m.toTag)
	require.Equal(t, "sip:z@y i: x", m.value("to"))
	require.Equal(t, "id", m.callID)
	require.Equal(t, "abc", string(m.body))
	require.Equal(t, "+989120000001", userOf(m.uri))
	require.Equal(t, "z9hG4bK1\x00127.0.0.1:5070", m.transaction())
	b, to := reply{status: 200, toTag: "t"}.encode(m, netip.MustParseAddrPort("127.0.0.1:9"))
	require.Equal(t, "127.0.0.1:5070", to.String(), "without rport by sent-by")
	require.Contains(t, string(b), "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1;received=127.0.0.1, "+
		"SIP/2.0/UDP 192.0.2.1\r\nVia: SIP/2.0/TCP 192.0.2.2\r\n")
}

func TestParseRefuses(t *testing.T) {
	change := func(old, with string) string { return strings.Replace(goodInvite, old, with, 1) }
	for name, text := range map[string]string{
		"nothing":           "",
		"no end":            strings.TrimSuffix(goodInvite, "\r\n\r\nabcdef"),
		"wrong version":     change("phone SIP/2.0", "phone SIP/3.0"),
		"method mismatch":   change("1 INVITE", "1 BYE"),
		"cseq":              change("1 INVITE", "99999999999 INVITE"),
		"no via":            change("v: SIP", "x: SIP"),
		"via of tcp":        change("v: SIP/2.0/UDP", "v: SIP/2.0/TCP"),
		"no call id":        change("Call-ID:id", "Call-ID:"),
		"two call ids":      change("Call-ID:id", "Call-ID:id\r\ni: id"),
		"short body":        change("l: 3", "l: 7"),
		"negative length":   change("l: 3", "l: -1"),
		"huge length":       change("l: 3", "l: 99999999999999999999"),
		"nul":               change("Call-ID:id", "Call-ID:i\x00d"),
		"header without":    change("Call-ID:id", "Call-ID:id\r\nrubbish"),
		"header name":       change("Call-ID:id", "Call-ID:id\r\n(: x"),
		"long line":         change("Call-ID:id", "Call-ID:"+strings.Repeat("i", maxLine)),
		"many headers":      change("Call-ID:id", "Call-ID:id"+strings.Repeat("\r\nx: y", maxHeaders)),
		"too long":          goodInvite + strings.Repeat("x", maxUDP),
		"status of letters": "SIP/2.0 abc x" + goodInvite[strings.Index(goodInvite, "\r\n"):],
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse([]byte(text))
			require.ErrorIs(t, err, errMessage)
		})
	}
}

func TestAddresses(t *testing.T) {
	for uri, want := range map[string]string{"sip:a@192.0.2.1": "192.0.2.1:5060", "sip:192.0.2.1:70;lr": "192.0.2.1:70",
		"sip:a:b@[2001:db8::1]:5?x=y": "[2001:db8::1]:5", "sip:[2001:db8::1]": "[2001:db8::1]:5060"} {
		addr, ok := addrOf(uri)
		require.True(t, ok, uri)
		require.Equal(t, want, addr.String())
	}
	for _, uri := range []string{"", "sip:", "sip:a@b", "sip:a@192.0.2.1:99999", "sip:a@192.0.2.1:0"} {
		_, ok := addrOf(uri)
		require.False(t, ok, uri)
	}
	for uri, user := range map[string]string{"sip:a:pw@b": "a", "tel:+98912;x=y": "+98912", "sip:b": "", "": ""} {
		require.Equal(t, user, userOf(uri), uri)
	}
	require.Equal(t, []string{`<sip:a,b>;x`, `"c,\"," <d>`, ""}, splitList(`<sip:a,b>;x, "c,\"," <d>,`))
}

func TestRequestsWithoutMagicCookieAreToldApart(t *testing.T) {
	a, err := parse([]byte(strings.Replace(goodInvite, "z9hG4bK1", "1", 1)))
	require.NoError(t, err)
	require.Equal(t, "id\x00abc\x001", a.transaction())
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(goodInvite))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP [::1];rport=;branch=z9hG4bK\r\nFrom: <x>;tag=1\r\nTo: \"\\\r\n" +
		"Call-ID: a\r\nCSeq: 1 BYE\r\nRecord-Route: <,>,\"\\\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			require.ErrorIs(t, err, errMessage)
			return
		}
		require.LessOrEqual(t, len(m.headers), maxHeaders)
		require.LessOrEqual(t, len(m.body), len(b))
		uri, _ := splitAddress(m.value("contact"))
		addrOf(uri)
		userOf(m.uri)
		splitList(m.value("record-route"))
		(&guard{nonce: "n", used: map[uint64]bool{}}).authorized(m, "p", true)
		m.status, m.method = 0, m.cmethod
		// What we say about a message must itself be a message, with the same identity.
		out, _ := reply{status: 180, toTag: "t"}.encode(m, netip.MustParseAddrPort("127.0.0.1:9"))
		r, err := parse(out)
		if len(out) < maxUDP/2 && len(m.via.value) < maxLine/2 && len(m.value("to")) < maxLine/2 {
			require.NoError(t, err, "%q", out)
			require.Equal(t, m.callID, r.callID)
			require.Equal(t, m.via.branch, r.via.branch)
			require.Equal(t, m.cseq, r.cseq)
		}
	})
}
