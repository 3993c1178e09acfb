package sip

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// A far end that did not read for a while took half a message, and would have read the next one as its rest. A TLS
// connection fails for good then: the trunk was down until the far end closed it.
func TestConnectionThatDoesNotTakeAMessageIsGivenUp(t *testing.T) {
	t.Parallel()
	r, w, out, inv := newWire(t)
	w.respond(inv, "486 Busy Here")
	require.Equal(t, Refused, r.result(out).End)
	w.next("ACK")
	conn, err := r.agent.ua.TransportLayer().GetConnection("tcp", w.door.Addr().String())
	require.NoError(t, err)
	tcp := conn.(*sip.TCPConnection).Conn
	for _, size := range []int{1 << 20, 1 << 10, 1, 1} { // until neither kernel takes more
		for fault := error(nil); fault == nil; {
			require.NoError(t, tcp.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
			_, fault = tcp.Write(make([]byte, size))
		}
	}
	_, _ = conn.TryClose()

	res := r.result(r.invite(t.Context(), Invite{CallID: "jammed"}))
	require.Equal(t, NotSent, res.End, "%v", res.Err)
	require.True(t, res.Dead)

	require.NoError(t, w.conn.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.Copy(io.Discard, w.conn) // to the end of the connection
	var late net.Error
	require.False(t, errors.As(err, &late) && late.Timeout(), "the connection lives")
	out = r.invite(t.Context(), Invite{CallID: "next"})
	w.accept()
	inv = w.next("INVITE")
	w.respond(inv, "486 Busy Here")
	require.Equal(t, Refused, r.result(out).End)
	w.next("ACK")
}
