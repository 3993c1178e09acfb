package sip

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/locate"
)

// signpost is a locator that knows one place.
type signpost struct{ locate.Place }

func (s signpost) Places(context.Context) ([]locate.Place, error) {
	return []locate.Place{s.Place}, nil
}
func (s signpost) Known(ip netip.Addr) bool { return ip == s.Addr.Addr() }
func (s signpost) Close()                   {}

// named makes the rig's trunk one whose target is a name: the Request-URI is not where the packets go.
func (r *rig) named(host string) {
	r.looked()
	r.agent.targets.find = signpost{locate.Place{Host: host, Addr: netip.MustParseAddrPort(r.addr())}}
}

// sipgo fault 3: its CANCEL went to the host of the Request-URI, not to where the INVITE had gone.
func TestCancelThatMissesTheProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.named("sip.carrier.invalid")
	out := r.invite(t.Context(), Invite{RingLimit: 100 * time.Millisecond})
	inv := r.next("INVITE")
	require.Contains(t, inv.start, "@sip.carrier.invalid SIP")
	r.reply(inv, 180, "Ringing", "leg1", "")
	cancel := r.next("CANCEL")
	require.Equal(t, strings.Replace(inv.start, "INVITE", "CANCEL", 1), cancel.start)
	require.Equal(t, inv.all("Via"), cancel.all("Via"), "the same branch, and no other Via (RFC 3261 section 9.1)")
	require.Equal(t, inv.get("Call-ID"), cancel.get("Call-ID"))
	require.Equal(t, "1 CANCEL", cancel.get("CSeq"))
	require.Equal(t, inv.get("To"), cancel.get("To"), "without the tag of the response")
	require.Empty(t, cancel.all("Require"))
	require.Equal(t, `SIP;cause=487;text="Request Terminated"`, cancel.get("Reason"))
	r.reply(cancel, 200, "OK", "leg1", "")
	r.reply(inv, 487, "Request Terminated", "leg1", "")
	require.Equal(t, inv.branch(), r.next("ACK").branch())
	require.Equal(t, RingLimit, r.result(out).End)
}

// The INVITE that is cancelled is the latest one: the one with credentials, or a longer session interval.
func TestCancelOfAnInviteThatWasSentAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.invite(t.Context(), Invite{RingLimit: 100 * time.Millisecond})
	first := r.next("INVITE")
	r.reply(first, 422, "Session Interval Too Small", "leg1", "", "Min-SE: 120")
	require.Equal(t, first.branch(), r.next("ACK").branch())
	second := r.next("INVITE")
	r.reply(second, 180, "Ringing", "leg2", "")
	cancel := r.next("CANCEL")
	require.Equal(t, second.branch(), cancel.branch())
	require.Equal(t, "2 CANCEL", cancel.get("CSeq"))
	r.reply(cancel, 200, "OK", "leg2", "")
	r.reply(second, 487, "Request Terminated", "leg2", "")
	require.Equal(t, second.branch(), r.next("ACK").branch())
	require.Equal(t, RingLimit, r.result(out).End)
}

// A provisional response to the first INVITE is none to the second: no CANCEL before its own.
func TestNoCancelOfAnInviteThatWasSentAnewBeforeItsOwnResponse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, stop := context.WithCancel(t.Context())
	out := r.invite(ctx, Invite{})
	first := r.next("INVITE")
	r.reply(first, 100, "Trying", "", "")
	r.heard(1)
	r.reply(first, 422, "Session Interval Too Small", "leg1", "", "Min-SE: 120")
	r.next("ACK")
	second := r.next("INVITE")
	require.Eventually(t, func() bool { return r.metric("invites_total") == 2 }, patience, time.Millisecond)
	stop()
	require.Equal(t, Cancelled, r.result(out).End)
	require.NotContains(t, r.kinds(), "CANCEL")
	r.reply(second, 180, "Ringing", "leg2", "")
	cancel := r.next("CANCEL")
	require.Equal(t, second.branch(), cancel.branch())
	r.reply(cancel, 200, "OK", "leg2", "")
	r.reply(second, 487, "Request Terminated", "leg2", "")
	r.next("ACK")
}

// T6: sipgo sent neither ACK nor BYE. Whatever order the far end's responses come in, the callee is not left with silence.
func TestAnswerCrossesCancelInEveryOrder(t *testing.T) {
	for name, steps := range map[string]string{
		"answer first": "ANSWER CANCELLED", "cancel confirmed first": "CANCELLED ANSWER",
		"answer and refusal":        "ANSWER REFUSAL CANCELLED",
		"refusal, then answer":      "REFUSAL ANSWER",
		"refusal of another branch": "CANCELLED REFUSAL ANSWER",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			out := r.invite(t.Context(), Invite{RingLimit: 100 * time.Millisecond})
			inv := r.next("INVITE")
			r.reply(inv, 180, "Ringing", "leg1", "")
			cancel := r.next("CANCEL")
			refused := false
			for step := range strings.FieldsSeq(steps) {
				switch step {
				case "CANCELLED":
					r.reply(cancel, 200, "OK", "leg1", "")
				case "REFUSAL":
					refused = true
					r.reply(inv, 487, "Request Terminated", "leg1", "")
					if name != "answer and refusal" { // whose refusal comes too late to count
						require.Equal(t, inv.branch(), r.next("ACK").branch())
						require.Equal(t, RingLimit, r.result(out).End)
					}
				case "ANSWER":
					r.ok(inv, "leg2")
					ack := r.next("ACK")
					require.Contains(t, ack.get("To"), "tag=leg2")
					require.NotEqual(t, inv.branch(), ack.branch())
					bye := r.next("BYE")
					require.Contains(t, bye.get("To"), "tag=leg2")
					r.reply(bye, 200, "OK", "", "")
				}
			}
			if !refused {
				res := r.result(out)
				require.Equal(t, RingLimit, res.End)
				require.True(t, res.Late)
				require.Equal(t, avanak.ClassAnswered.String(), res.Class.String())
			}
			require.InDelta(t, 1, r.metric("late_2xx_total"), 0)
		})
	}
}

// sipgo fault 2: a 2xx before the first provisional response, while we were giving up.
func TestAnswerWithoutAnyProvisionalIsTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := r.answer()
	r.hangup(c)
	require.Equal(t, []string{"INVITE", "ACK", "BYE"}, r.kinds())
}

// sipgo fault 6: our ACK of a refusal is lost. The far end repeats it and gets its ACK again; the caller has long gone on,
// and the library's complaint about it is no flood in the log.
func TestLostAckOfARefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	inv := r.next("INVITE")
	r.reply(inv, 486, "Busy Here", "leg1", "")
	require.Equal(t, Refused, r.result(out).End)
	ack := r.next("ACK")
	for n := range 3 {
		r.reply(inv, 486, "Busy Here", "leg1", "")
		r.copies(ack, n+2)
	}
	require.Equal(t, []string{"INVITE", "ACK"}, r.kinds())
	require.LessOrEqual(t, strings.Count(r.logged(), "sip library"), 1)
}
