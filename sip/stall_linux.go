package sip

import (
	"fmt"
	"syscall"
	"time"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/sys/unix"
)

// limitStall has the kernel give a connection up whose far end acknowledges nothing, or reads nothing, for stallFactor*T1
// (RFC 5482). Without it a far end that lost power, or a firewall that forgot us, swallows messages for a quarter of an
// hour, and a write deadline does not help where a stream of new messages moves it on.
func limitStall(conn syscall.RawConn) error {
	var refused error
	err := conn.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stallFactor*sip.T1/time.Millisecond))
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return fmt.Errorf("limit the stall of a connection: %w", err)
	}
	return nil
}
