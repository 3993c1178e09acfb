package sip

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// A carrier that finds our session interval too small (RFC 4028 section 7.3) gets the INVITE anew, through the gate.
func TestInviteWithTooSmallAnInterval(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Session = 90 * time.Second })
	var gate atomic.Int32
	out := r.invite(t.Context(), Invite{BeforeSend: func(context.Context) error { gate.Add(1); return nil }})
	first := r.next("INVITE")
	require.Equal(t, "90;refresher=uas", first.get("Session-Expires"))
	require.Empty(t, first.get("Min-SE"))
	r.reply(first, 422, "Session Interval Too Small", "leg1", "", "Min-SE: 1800")
	require.Equal(t, first.branch(), r.next("ACK").branch())
	second := r.next("INVITE")
	require.Equal(t, "1800;refresher=uas", second.get("Session-Expires"))
	require.Equal(t, "1800", second.get("Min-SE"))
	for _, same := range []string{"Call-ID", "From", "To", "Contact"} {
		require.Equal(t, first.get(same), second.get(same))
	}
	require.Equal(t, "2 INVITE", second.get("CSeq"))
	require.Equal(t, first.body, second.body)
	require.NotEqual(t, first.branch(), second.branch())
	r.ok(second, "leg1")
	res := r.result(out)
	require.Equal(t, Answered, res.End)
	require.Equal(t, "2 ACK", r.next("ACK").get("CSeq"))
	require.Equal(t, "3 BYE", r.hangup(res.Call).get("CSeq"))
	require.EqualValues(t, 2, gate.Load(), "the pace counts both")
	require.InDelta(t, 2, r.metric("invites_total"), 0)
}

func TestIntervalThatCannotBeMet(t *testing.T) {
	for name, minSE := range map[string]string{"none": "X: 1", "the same again": "Min-SE: 120", "without end": "Min-SE: 4294967295",
		"negative": "Min-SE: -1", "nonsense": "Min-SE: soon"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			out := r.invite(t.Context(), Invite{})
			inv := r.next("INVITE")
			if name == "the same again" {
				r.reply(inv, 422, "Session Interval Too Small", "leg1", "", minSE)
				r.next("ACK")
				inv = r.next("INVITE")
			}
			r.reply(inv, 422, "Session Interval Too Small", "leg1", "", minSE)
			r.next("ACK")
			res := r.result(out)
			require.Equal(t, Refused, res.End)
			require.Equal(t, 422, res.Status)
			require.Equal(t, avanak.ClassFault.String(), res.Class.String())
		})
	}
}

// However long a far end goes on to ask, one call is a handful of INVITEs.
func TestIntervalThatGrowsForEver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out := r.invite(t.Context(), Invite{})
	for n := range maxAgain + 1 {
		r.reply(r.next("INVITE"), 422, "Session Interval Too Small", "leg1", "", fmt.Sprint("Min-SE: ", 100+n))
		r.next("ACK")
	}
	require.Equal(t, 422, r.result(out).Status)
	require.InDelta(t, maxAgain+1, r.metric("invites_total"), 0)
}

// Glare (RFC 3261 section 14): two re-INVITEs at once. Theirs gets 491 while ours is under way.
func TestTheirReinviteCrossesOurs(t *testing.T) {
	t.Parallel()
	r := timed(t)
	c, inv := r.answerWith("Session-Expires: 90;refresher=uac", withoutUpdate)
	m := r.refresh(c, "INVITE", "90")
	r.reply(m, 100, "Trying", "", "")
	r.request(inv, "INVITE", "leg1", 1, sdpWith("sendonly"))
	res := r.next("491 INVITE")
	r.requestWith(inv, res.branch(), "ACK", "leg1", 1, "")
	r.request(inv, "UPDATE", "leg1", 2, sdpWith("sendonly"))
	r.next("491 UPDATE")
	r.request(inv, "UPDATE", "leg1", 3, "") // without an offer it changes no session
	r.next("200 UPDATE")
	require.Equal(t, answerSDP, string(c.RemoteSDP()))
	r.reply(m, 200, "OK", "", answerSDP, r.contact())
	r.next("ACK")
	r.request(inv, "INVITE", "leg1", 4, sdpWith("sendonly"))
	r.next("200 INVITE")
	r.request(inv, "ACK", "leg1", 4, "")
	r.updated(c)
	r.hangup(c)
}

// The same the other way round: while theirs is under way, ours waits.
func TestOurReinviteWaitsForTheirs(t *testing.T) {
	t.Parallel()
	r := timed(t)
	c, inv := r.answerWith("Session-Expires: 90;refresher=uac", withoutUpdate)
	r.request(inv, "INVITE", "leg1", 1, sdpWith("sendonly"))
	res := r.next("200 INVITE")
	r.copies(res, 5) // it goes on for longer than half of the interval: 50, 150, 350, 550 ms
	require.Equal(t, []string{"INVITE", "ACK", "200 INVITE"}, r.kinds())
	r.request(inv, "ACK", "leg1", 1, "")
	m := r.refresh(c, "INVITE", "90") // as it was held: RFC 3264 section 8, the same version says the same
	require.Contains(t, m.body, "a=recvonly")
	require.Equal(t, res.body, m.body)
	r.reply(m, 200, "OK", "", answerSDP, r.contact())
	r.next("ACK")
	r.hangup(c)
}
