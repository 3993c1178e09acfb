package sip

import (
	"context"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/sip/locate"
)

// respond answers req without a session description.
func (w *wire) respond(req message, status string) {
	g := garbled{lines: []string{"SIP/2.0 " + status, "Via: " + req.get("Via"), "From: " + req.get("From"),
		"To: " + req.get("To") + ";tag=leg1", "Call-ID: " + req.get("Call-ID"), "CSeq: " + req.get("CSeq"), "Content-Length: 0"}}
	w.write(g.String())
}

// The connection died while the phone rang: it rang on for a call that nobody waited for, and whoever picked it up heard
// silence.
func TestConnectionThatDiesWhileThePhoneRings(t *testing.T) {
	t.Parallel()
	r, w, out, inv := newWire(t)
	w.respond(inv, "180 Ringing")
	r.heard(1)
	require.NoError(t, w.conn.Close())
	res := r.result(out)
	require.Equal(t, Silent, res.End)
	require.False(t, res.Dead)
	require.NoError(t, w.door.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(patience)))
	w.accept()
	cancel := w.next("CANCEL")
	require.Equal(t, inv.branch(), cancel.branch())
	w.respond(cancel, "200 OK")
	w.respond(inv, "487 Request Terminated")
	require.Equal(t, inv.branch(), w.next("ACK").branch())
}

// A refresh of the session that could not leave at once ended the call.
func TestRefreshThatCannotLeaveIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := r.answer()
	// From a loopback address the kernel sends nothing to the documentation network (RFC 5737).
	away := sip.Uri{Scheme: "sip", Host: "192.0.2.1", Port: 5060}
	c.dialog.mu.Lock()
	home := c.dialog.target
	c.dialog.target = away
	c.dialog.mu.Unlock()
	res := c.reinvite(func() *sip.Request { return c.session.request(sip.INVITE) })
	require.NotNil(t, res)
	require.Equal(t, 503, res.StatusCode, "session.concluded tries again")
	c.dialog.mu.Lock()
	c.dialog.target = home
	c.dialog.mu.Unlock()
	r.hangup(c)
}

// brokenPost is a locator with a fault of its own.
type brokenPost struct{ signpost }

func (brokenPost) Places(context.Context) ([]locate.Place, error) { panic("fault") }

// A fault while the trunk registers ended the process, and all its calls.
func TestFaultWhileRegisteringIsNoEndOfTheProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reg := &registration{agent: r.agent}
	r.looked()
	r.agent.targets.find = brokenPost{}
	_, err := reg.renew(t.Context(), time.Minute)
	require.ErrorIs(t, err, errPanic)
}
