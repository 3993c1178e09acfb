package sip

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// reliable answers with a provisional response that wants a PRACK (RFC 3262).
func (r *rig) reliable(inv message, tag, rseq string, extra ...string) {
	r.t.Helper()
	before := r.metric("responses_total", "class", "1xx")
	lines := append([]string{r.contact(), "Require: 100rel", "RSeq: " + rseq}, extra...)
	r.reply(inv, 183, "Session Progress", tag, answerSDP, lines...)
	r.heard(int(before) + 1)
}

// A far end that insists on 100rel would wait for its PRACK for ever: the callee's phone would not even ring.
func TestReliableProvisionalWithoutPrack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	route := "<sip:" + r.addr() + ";lr;hop=1>"
	r.reliable(inv, "leg1", "41", "Record-Route: <sip:last.invalid;lr>", "Record-Route: "+route)
	prack := r.next("PRACK")
	require.Equal(t, "PRACK sip:callee@"+r.addr()+" SIP/2.0", prack.start)
	require.Equal(t, "41 1 INVITE", prack.get("RAck"))
	require.Equal(t, "2 PRACK", prack.get("CSeq"))
	require.Equal(t, inv.get("To")+";tag=leg1", prack.get("To"))
	require.Equal(t, inv.get("From"), prack.get("From"))
	require.Equal(t, inv.get("Call-ID"), prack.get("Call-ID"))
	require.Equal(t, []string{route, "<sip:last.invalid;lr>"}, prack.all("Route"), "the route set of the early dialog")
	require.NotEqual(t, inv.branch(), prack.branch())
	r.copies(prack, 2) // it is lost, and sent again
	r.reply(prack, 200, "OK", "", "")

	for _, rseq := range []string{"41", "43", "40", "0", "x"} { // copies, one that overtook, one that is late, nonsense
		r.reliable(inv, "leg1", rseq)
	}
	r.reliable(inv, "leg1", "42")
	second := r.next("PRACK")
	require.Equal(t, "42 1 INVITE", second.get("RAck"))
	require.Equal(t, "3 PRACK", second.get("CSeq"))
	r.reply(second, 200, "OK", "", "")

	r.ok(inv, "leg1")
	res := r.result(out)
	require.Equal(t, Answered, res.End)
	require.Equal(t, "1 ACK", r.next("ACK").get("CSeq"))
	require.Equal(t, "4 BYE", r.hangup(res.Call).get("CSeq"), "above that of the last PRACK")
	require.Equal(t, []string{"INVITE", "PRACK", "PRACK", "ACK", "BYE"}, r.kinds())
	require.InDelta(t, 2, r.metric("pracks_total"), 0)
}

func TestEachBranchOfAForkHasItsOwnPracks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	for n, tag := range []string{"leg1", "leg2"} {
		r.reliable(inv, tag, "7")
		prack := r.next("PRACK")
		require.Contains(t, prack.get("To"), "tag="+tag)
		require.Equal(t, "7 1 INVITE", prack.get("RAck"))
		require.Equal(t, fmt.Sprint(n+2, " PRACK"), prack.get("CSeq"))
		r.reply(prack, 200, "OK", "", "")
	}
	r.reply(inv, 486, "Busy Here", "leg1", "")
	require.Equal(t, Refused, r.result(out).End)
	require.Equal(t, "1 ACK", r.next("ACK").get("CSeq"))
}

// What need not be acknowledged is not: a PRACK that nobody expects is answered with 481, or ends the call.
func TestProvisionalThatWantsNoPrack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	r.reply(inv, 100, "Trying", "leg1", "", "Require: 100rel", "RSeq: 1")
	r.reply(inv, 180, "Ringing", "leg1", "", "Supported: 100rel", "RSeq: 1")
	r.reply(inv, 180, "Ringing", "leg1", "", "Require: 100rel")
	r.reply(inv, 180, "Ringing", "leg1", "", "Require: timer", "RSeq: 1")
	r.reply(inv, 180, "Ringing", "", "", "Require: 100rel", "RSeq: 1") // no tag, no dialog to send it in
	r.heard(5)
	r.ok(inv, "leg1")
	r.next("ACK")
	require.Equal(t, "2 BYE", r.hangup(r.result(out).Call).get("CSeq"))
	require.Equal(t, []string{"INVITE", "ACK", "BYE"}, r.kinds())
}
