package impair

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; nothing is judged by it.
const patience = 30 * time.Second

// window is how many datagrams a test lets fly at once: far fewer than any socket's buffer holds.
const window = 50

func udp(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadBuffer(socketBuffer) // what the kernel grants holds a window in any case
	return conn
}

func addrOf(conn *net.UDPConn) netip.AddrPort {
	return unmapped(conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

func start(t *testing.T, target *net.UDPConn, cfg Config) *Proxy {
	t.Helper()
	p, err := New(addrOf(target), cfg)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// read returns the next datagram of a socket and where it came from.
func read(t *testing.T, conn *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	buf := make([]byte, maxDatagram)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	n, from, err := conn.ReadFromUDPAddrPort(buf)
	require.NoError(t, err)
	return string(buf[:n]), unmapped(from)
}

func write(t *testing.T, conn *net.UDPConn, to netip.AddrPort, payload string) {
	t.Helper()
	_, err := conn.WriteToUDPAddrPort([]byte(payload), to)
	require.NoError(t, err)
}

// eventually polls ok in the test's own goroutine, so that ok may read sockets and fail the test.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	poll := time.NewTicker(100 * time.Microsecond)
	defer poll.Stop()
	for end := time.Now().Add(patience); !ok(); <-poll.C {
		require.True(t, time.Now().Before(end), "did not happen within %s", patience)
	}
}
