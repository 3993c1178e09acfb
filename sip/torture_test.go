package sip

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever has no status is no request that can be answered: it is a response, or sipgo's parser finds no message in it.
const unanswered = 0

// torture is what becomes of the messages of RFC 4475 at a user agent that takes no calls: nobody is called by an INVITE
// (480), no registrar is here (405).
var torture = map[string]int{
	// 3.1.1 valid; wsinv names a dialog.
	"wsinv": 481, "intmeth": 405, "esc01": 480, "escnull": 405, "esc02": 405, "lwsdisp": 200, "longreq": 480, "dblreq": 405,
	"semiuri": 200, "transports": 200, "mpart01": 405, "unreason": unanswered, "noreason": unanswered,
	// 3.1.2 invalid: the RFC leaves it to the element how much of it is read. What is not read is dropped.
	"badinv01": unanswered, "clerr": unanswered, "ncl": unanswered, "scalar02": unanswered, "scalarlg": unanswered,
	"quotbal": unanswered, "ltgtruri": unanswered, "lwsruri": unanswered, "lwsstart": unanswered, "trws": unanswered,
	"escruri": 480, "baddate": 480, "regbadct": 405, "badaspec": unanswered, "baddn": unanswered, "badvers": 505,
	"mismatch01": 400, "mismatch02": 400, "bigcode": unanswered,
	// 3.2 transaction layer
	"badbranch": 200, "test": unanswered,
	// 3.3 application layer
	"insuf": 400, "unkscm": 416, "novelsc": unanswered, "unksm2": 405, "bext01": 420, "invut": 480, "regaut01": 405,
	"multi01": 400, "mcl01": 400, "bcast": unanswered, "zeromf": 200, "cparam01": 405, "cparam02": 405, "regescrt": 405, "sdp01": 480,
	// 3.4 RFC 2543: it knew no From tag
	"inv2543": 400,
}

// tortures reads the messages by name.
func tortures(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/torture/*/*.dat")
	require.NoError(tb, err)
	all := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // of the tree
		require.NoError(tb, err)
		all[strings.TrimSuffix(filepath.Base(f), ".dat")] = b
	}
	require.Len(tb, all, len(torture))
	return all
}

func TestTortureByTheBook(t *testing.T) {
	r := newRig(t)
	to := r.outside("").from
	for _, message := range tortures(t) {
		r.write(to, string(message))
	}
	// Answers go to where the messages say that they come from. What can be seen here is that nothing breaks.
	c, inv := r.talk()
	r.request(inv, "BYE", "leg1", 1, "")
	r.ended(c)
	require.InDelta(t, 0, r.metric("panics_total"), 0)
	require.InDelta(t, 1, r.metric("legs"), 0, "a response of the book made a call")
	require.LessOrEqual(t, strings.Count(r.logged(), "sip library"), 2)
	require.NotContains(t, r.logged(), "9725552222")
}

func TestTortureIsAnsweredAsItDeserves(t *testing.T) {
	r := newRig(t)
	n := 0
	for name, text := range tortures(t) {
		start, rest, ok := bytes.Cut(text, []byte("\r\n"))
		require.True(t, ok)
		if bytes.HasPrefix(start, []byte("SIP/")) {
			continue
		}
		n++
		// As a proxy would hand it on, so that the answer comes here.
		branch := fmt.Sprintf("z9hG4bKproxy%d", n)
		r.write(r.outside("").from, fmt.Sprintf("%s\r\nVia: SIP/2.0/UDP %s;branch=%s\r\n%s", start, r.addr(), branch, rest))
		probe := fmt.Sprintf("z9hG4bKprobe%d", n)
		r.requestWith(r.outside("probe"), probe, "OPTIONS", "probe", n, "")
		got := r.answersTo(probe, branch, torture[name] != unanswered)
		if want := torture[name]; want == unanswered {
			require.Empty(t, got, name)
		} else {
			require.Equal(t, fmt.Sprintf("SIP/2.0 %d", want), got[:min(11, len(got))], name)
		}
	}
	require.Equal(t, 45, n)
	require.InDelta(t, 0, r.metric("panics_total"), 0)
	c, inv := r.talk()
	r.request(inv, "BYE", "leg1", 1, "")
	r.ended(c)
}

// answersTo waits for the answers to the probe and, where there must be one, to the other branch, and returns that one's
// start line.
func (r *rig) answersTo(probe, branch string, both bool) string {
	r.t.Helper()
	find := func(branch string) string {
		for _, m := range r.callee.log {
			if m.branch() == branch {
				return m.start
			}
		}
		return ""
	}
	got := ""
	r.wait("answer to "+branch, func() bool {
		got = find(branch)
		return find(probe) != "" && (got != "" || !both)
	})
	return got
}

// talk is answer for a callee to whom other things come too.
func (r *rig) talk() (*Call, message) {
	r.t.Helper()
	out := r.invite(r.t.Context(), Invite{})
	var inv message
	require.Eventually(r.t, func() bool { inv = r.either("INVITE"); return inv.kind() == "INVITE" }, patience, time.Microsecond)
	r.ok(inv, "leg1")
	res := r.result(out)
	require.Equal(r.t, Answered, res.End, "%+v", res)
	require.Eventually(r.t, func() bool { m := r.either("ACK"); return m.kind() == "ACK" }, patience, time.Microsecond)
	return res.Call, inv
}

func TestTagInCapitalsOrWithWhiteSpaceIsATag(t *testing.T) {
	for _, write := range []string{";Tag=", "; tag=", " ; tag =\t", ";\r\n TAG= "} {
		t.Run(strings.TrimSpace(write), func(t *testing.T) {
			r := newRig(t)
			out := r.invite(t.Context(), Invite{})
			inv := r.next("INVITE")
			other := withHeader(inv, "from", strings.Replace(inv.get("From"), ";tag=", write, 1))
			other = withHeader(other, "to", inv.get("To")+write+"leg1")
			r.reply(other, 180, "Ringing", "", "")
			r.heard(1)
			r.reply(other, 200, "OK", "", answerSDP, r.contact())
			res := r.result(out)
			require.Equal(t, Answered, res.End)
			r.next("ACK")
			contact := strings.Trim(inv.get("Contact"), "<>")
			r.write(inv.from, strings.Join([]string{"BYE " + contact + " SIP/2.0", "Via: SIP/2.0/UDP " + r.addr() + ";branch=z9hG4bKbye",
				"Max-Forwards: 70", "From: " + other.get("To"), "To: " + other.get("From"), "Call-ID: " + inv.get("Call-ID"),
				"CSeq: 1 BYE", "Content-Length: 0", "", ""}, "\r\n"))
			bye := r.next("200 BYE")
			require.Equal(t, 1, strings.Count(strings.ToLower(bye.get("To")), "tag"), bye.get("To"))
			r.ended(res.Call)
		})
	}
}
