package impair

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The four addresses of a dialog through a proxy.
const (
	agentAddr  = "127.0.0.1:506"
	frontAddr  = "127.0.0.1:40001"
	backAddr   = "127.0.0.1:40002"
	calleeAddr = "127.0.0.1:5060"
)

var (
	forth = swaps{{agentAddr, backAddr}, {frontAddr, calleeAddr}}
	back  = swaps{{calleeAddr, frontAddr}, {backAddr, agentAddr}}
)

const body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=127.0.0.1:506 127.0.0.1:40001\r\n\r\nc=IN IP4 127.0.0.1\r\n"

// invite as an agent sends it to the proxy; a and b stand where the two sides have their addresses.
func invite(a, b string) string {
	return fmt.Sprintf("INVITE sip:+989120000001@%[2]s SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP %[1]s;branch=z9hG4bK.1;rport\r\n"+
		"Route: <sip:%[2]s;lr>,\r\n <sip:127.0.0.1:50600;lr>\r\n"+
		"From: <sip:02191000000@127.0.0.1>;tag=a\r\nTo: <sip:+989120000001@127.0.0.1>\r\n"+
		"Call-ID: 1@127.0.0.1:506\r\nContact: <sip:02191000000@%[1]s>\r\n"+
		"Proxy-Authorization: Digest uri=\"sip:+989120000001@127.0.0.1:40001\",\r\n nonce=\"127.0.0.1:506\"\r\n"+
		"CSeq: 1 INVITE\r\nContent-Length: %[3]d\r\n\r\n%[4]s", a, b, len(body), body)
}

// ringing as a callee answers it.
func ringing(a, b string) string {
	return fmt.Sprintf("SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bK.1;rport=40002;received=127.0.0.1\r\n"+
		"Record-Route: <sip:%[2]s;lr>\r\nFrom: <sip:02191000000@127.0.0.1>;tag=a\r\n"+
		"To: <sip:+989120000001@127.0.0.1>;tag=b\r\nCall-ID: 1@127.0.0.1:506\r\nCSeq: 1 INVITE\r\n"+
		"m: <sip:callee@%[2]s>\r\nContent-Length: %[3]d\r\n\r\n%[4]s", a, b, len(body), body)
}

func TestBothSidesSeeTheProxy(t *testing.T) {
	require.Equal(t, invite(backAddr, calleeAddr), string(forth.apply([]byte(invite(agentAddr, frontAddr)))))
	require.Equal(t, ringing(agentAddr, frontAddr), string(back.apply([]byte(ringing(backAddr, calleeAddr)))))
	// In a dialog the callee calls, too.
	require.Equal(t, invite(frontAddr, agentAddr), string(back.apply([]byte(invite(calleeAddr, backAddr)))))
	require.Equal(t, ringing(calleeAddr, backAddr), string(forth.apply([]byte(ringing(frontAddr, agentAddr)))))
}

func TestOnlyWholeAddressesAreReplaced(t *testing.T) {
	for _, kept := range []string{"127.0.0.1:5060", "127.0.0.1:506x", "1127.0.0.1:506", "8.127.0.0.1:506", "h-127.0.0.1:506", "127.0.0.1"} {
		m := "OPTIONS sip:" + kept + " SIP/2.0\r\nX: " + kept + ";\r\n\r\n"
		require.Equal(t, m, string(forth.apply([]byte(m))))
	}
	for _, around := range []string{"%s", "sip:%s", "sip:a@%s>", "<sip:%s;lr>", "%s,%[1]s", "\"%s\"", "uri=%s&"} {
		m, want := fmt.Sprintf(around, agentAddr), fmt.Sprintf(around, backAddr)
		require.Equal(t, "X: "+want+"\r\n\r\n", string(forth.apply([]byte("X: "+m+"\r\n\r\n"))))
	}
}

func TestIPv6AddressesAreReplaced(t *testing.T) {
	s := swaps{{"[::1]:506", "[::1]:40002"}}
	require.Equal(t, "A sip:[::1]:40002 [::1]:5060\r\n\r\n[::1]:506", string(s.apply([]byte("A sip:[::1]:506 [::1]:5060\r\n\r\n[::1]:506"))))
}

func TestWhatIsNoMessageStays(t *testing.T) {
	for _, d := range []string{"", "\r\n\r\n", agentAddr, "\x80\x08" + agentAddr + "\r\n", "\r\n\r\n" + agentAddr} {
		require.Equal(t, d, string(forth.apply([]byte(d))))
	}
}

// TestDialogLeadsThroughTheProxy exchanges messages as the two sides of a call do.
func TestDialogLeadsThroughTheProxy(t *testing.T) {
	callee, agent := udp(t), udp(t)
	p := start(t, callee, Config{SIP: true})
	us, them, front := addrOf(agent).String(), addrOf(callee).String(), p.Addr().String()

	write(t, agent, p.Addr(), invite(us, front))
	text, from := read(t, callee)
	socket := from.String()
	require.NotEqual(t, us, socket)
	require.Equal(t, invite(socket, them), text)

	write(t, callee, from, ringing(socket, them))
	text, _ = read(t, agent)
	require.Equal(t, ringing(us, front), text)

	write(t, callee, from, invite(them, socket)) // a re-INVITE of theirs, to our Contact
	text, _ = read(t, agent)
	require.Equal(t, invite(front, us), text)
}

func TestWithoutSIPNothingIsReplaced(t *testing.T) {
	callee, agent := udp(t), udp(t)
	p := start(t, callee, Config{})
	m := invite(addrOf(agent).String(), p.Addr().String())
	write(t, agent, p.Addr(), m)
	text, _ := read(t, callee)
	require.Equal(t, m, text)
}

func FuzzRewrite(f *testing.F) {
	for _, m := range []string{invite(agentAddr, frontAddr), ringing(frontAddr, agentAddr), "", "\r\n\r\n", "\n\r\n\r\n" + body,
		"X: " + agentAddr + agentAddr + "\r\n\r\n", "i:" + agentAddr + "\r\n\t" + agentAddr + "\r\n" + agentAddr + "\r\n\r\n",
		agentAddr + "." + frontAddr + "\r\n\r\n"} {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		before := bytes.Clone(m)
		out := forth.apply(m)
		require.Equal(t, before, m, "the input is written")
		head, tail, found := bytes.Cut(m, blankLine)
		if !found {
			require.Equal(t, m, out)
			return
		}
		newHead, newTail, _ := bytes.Cut(out, blankLine)
		require.Equal(t, tail, newTail, "the body is touched")
		require.Equal(t, bytes.Count(head, []byte("\n")), bytes.Count(newHead, []byte("\n")), "lines come or go")
		if !strings.Contains(string(head), calleeAddr) && !strings.Contains(string(head), backAddr) {
			require.Equal(t, string(m), string(back.apply(out)), "the way back is not the way there")
		}
	})
}
