package peers

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loopback is the one address that peers listen on.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// freePort asks the kernel for a free UDP port and hands it over.
func freePort(tb testing.TB) uint16 { tb.Helper(); return freePorts(tb, 1) }

// freePorts finds n free UDP ports in a row and returns the first, an even one where n is above 1 (RFC 3550 section 11).
func freePorts(tb testing.TB, n int) uint16 {
	tb.Helper()
	const most = 1000
	for range most {
		first, err := udpPort(0)
		if err != nil {
			tb.Fatalf("find a free port: %v", err)
		}
		if n == 1 {
			return first
		}
		first &^= 1
		if run(first, n) {
			return first
		}
	}
	tb.Fatalf("no %d free ports in a row", n)
	return 0
}

// run tells whether n ports from first on are free.
func run(first uint16, n int) bool {
	for i := range n {
		port := int(first) + i
		if port > 65535 {
			return false
		}
		if _, err := udpPort(uint16(port)); err != nil { //nolint:gosec // checked above
			return false
		}
	}
	return true
}

// udpPort binds a port, 0 for one of the kernel's choice, and gives it back.
func udpPort(port uint16) (uint16, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, port)))
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port(), nil
}

// bound tells whether the process itself, not somebody who was faster, holds a UDP socket on this port.
func (p *process) bound(port uint16) bool {
	inodes := map[string]bool{}
	for line := range strings.Lines(read("/proc/net/udp")) {
		// sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode
		if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			inodes["socket:["+f[9]+"]"] = true
		}
	}
	for _, at := range p.open() {
		if inodes[at] {
			return true
		}
	}
	return false
}

// open returns what the process has open: paths, and sockets as "socket:[inode]".
func (p *process) open() []string {
	dir := fmt.Sprintf("/proc/%d/fd", p.pid)
	files, err := os.ReadDir(dir)
	if err != nil { // it has ended
		return nil
	}
	var open []string
	for _, f := range files {
		if at, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil {
			open = append(open, at)
		}
	}
	return open
}
