package peers

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// MediaProxy is an rtpengine: a proxy of its own for RTP, told by the SIP proxy over the NG protocol.
type MediaProxy struct {
	process     *process
	addr        netip.AddrPort
	first, last uint16
}

// mediaPorts is the length of rtpengine's port range: four ports a call.
const mediaPorts = 80

// RTPEngine starts a media proxy that works without its kernel module.
func RTPEngine(tb testing.TB) *MediaProxy {
	tb.Helper()
	m := &MediaProxy{}
	m.process = launch(tb, blueprint{
		binary: "rtpengine",
		prepare: func(string) []string {
			m.addr = netip.AddrPortFrom(loopback, freePort(tb))
			m.first = freePorts(tb, mediaPorts)
			m.last = m.first + mediaPorts - 1
			return []string{"--config-file=none", "--table=-1", "--interface=" + loopback.String(), "--listen-ng=" + m.addr.String(),
				"--port-min=" + number(m.first), "--port-max=" + number(m.last), "--foreground", "--log-stderr", "--log-level=6"}
		},
		ready: func(*process) bool { return pong(m.addr) },
	})
	return m
}

// Addr is where the media proxy is told what to do: kamailio's rtpengine_sock.
func (m *MediaProxy) Addr() netip.AddrPort { return m.addr }

// Owns tells whether an RTP address is one of the media proxy's.
func (m *MediaProxy) Owns(rtp netip.AddrPort) bool {
	return rtp.Addr() == loopback && rtp.Port() >= m.first && rtp.Port() <= m.last
}

// pong tells whether an rtpengine answers a ping of its NG protocol: a cookie and a bencoded dictionary.
func pong(addr netip.AddrPort) bool {
	return strings.Contains(ask(addr, "avanak d7:command4:pinge"), "pong")
}

// ask sends a datagram and returns the answer, "" where none comes at once.
func ask(addr netip.AddrPort, text string) string {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	const patience = 200 * time.Millisecond
	// The only error of these is that of a closed socket.
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(text)); err != nil {
		return ""
	}
	buf := make([]byte, 2048)
	n, err := conn.Read(buf)
	if err != nil { // refused while nobody listens, else the deadline
		return ""
	}
	return string(buf[:n])
}
