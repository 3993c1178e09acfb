package sip

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
