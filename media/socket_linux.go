package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// expedited is the TOS byte of DSCP EF (RFC 3246): voice before data on links that honour it.
const expedited = 46 << 2

// socket is a non-blocking UDP socket that Go's poller does not know. A net.UDPConn would do, but the poller asks for
// edge-triggered write readiness, so that the kernel queues an event for every packet that leaves, which somebody has
// to take; and its Write waits where the send buffer is full.
type socket struct{ fd int }

// bind opens a socket on ip and port; port 0 leaves the choice to the kernel. It returns the port that it got.
func bind(ip netip.Addr, port uint16) (socket, uint16, error) {
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return socket{}, 0, fmt.Errorf("open rtp socket: %w", err)
	}
	s := socket{fd: fd}
	s.tune(ip)
	if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(ip, port))); err != nil {
		s.close()
		return socket{}, 0, fmt.Errorf("bind rtp socket to %s: %w", netip.AddrPortFrom(ip, port), err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		s.close()
		return socket{}, 0, fmt.Errorf("read rtp port: %w", err)
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		port = uint16(name.Port) //nolint:gosec // the kernel's ports have 16 bits
	case *unix.SockaddrInet6:
		port = uint16(name.Port) //nolint:gosec // the kernel's ports have 16 bits
	}
	return s, port, nil
}

// tune asks for what makes play-out better or cheaper; calls work without it, so refusals are of no consequence.
func (s socket) tune(ip netip.Addr) {
	// The kernel raises this to its minimum, a few packets; when they lie there unread, the rest is dropped early.
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0)
	if ip.Is6() {
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
		return
	}
	_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_TOS, expedited)
}

// connect fixes the destination; from then on the kernel delivers nothing of other sources. It sends nothing and does not
// wait. A socket may be connected again; where that fails, it stays as it was.
func (s socket) connect(remote netip.AddrPort) error {
	if err := unix.Connect(s.fd, sockaddr(remote)); err != nil {
		return fmt.Errorf("connect rtp socket to %s: %w", remote, err)
	}
	return nil
}

// destination is where an unconnected socket sends to; made once, so that a packet allocates nothing.
type destination = unix.Sockaddr

// send gives one packet to the kernel and never waits.
func (s socket) send(packet []byte) error { return unix.Send(s.fd, packet, unix.MSG_NOSIGNAL) }

// sendTo is send of a socket that is not connected.
func (s socket) sendTo(packet []byte, to destination) error {
	return unix.Sendto(s.fd, packet, unix.MSG_NOSIGNAL, to)
}

// admit makes the kernel drop what other hosts send: the few places of the receive buffer are for these. All are of the
// socket's family. A refusal is of no consequence but in a flood.
func (s socket) admit(hosts ...netip.Addr) {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret    = unix.BPF_RET | unix.BPF_K
		whole  = 1 << 16   // more than any datagram
		header = -0x100000 // SKF_NET_OFF: offsets count from the IP header
		from4  = 12        // offset of the source in the IP header
		from6  = 8
		word   = 4
		perTry = 2 // instructions for a word
	)
	var program []unix.SockFilter
	for _, host := range hosts {
		offset, address := from4, host.AsSlice()
		if host.Is6() {
			offset = from6
		}
		for i := 0; i < len(address); i += word {
			program = append(program,
				unix.SockFilter{Code: load, K: uint32(header + offset + i)}, //nolint:gosec // negative on purpose
				unix.SockFilter{Code: equal, K: binary.BigEndian.Uint32(address[i:]),
					Jf: uint8(perTry*(len(address)-i)/word - 1)}) // else to the next host
		}
		program = append(program, unix.SockFilter{Code: ret, K: whole})
	}
	program = append(program, unix.SockFilter{Code: ret, K: 0})
	_ = unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}) //nolint:gosec // some twenty at most
}

// receive takes a datagram that waits, cut to the length of buf, and tells its length and source; ok is false where none
// waits. It allocates: only a stream that learns its destination reads.
func (s socket) receive(buf []byte) (length int, from netip.AddrPort, ok bool) {
	length, source, err := unix.Recvfrom(s.fd, buf, unix.MSG_TRUNC)
	if err != nil { // an ICMP answer to what we sent, at worst
		return 0, netip.AddrPort{}, false
	}
	switch a := source.(type) {
	case *unix.SockaddrInet4:
		from = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)) //nolint:gosec // ports have 16 bits
	case *unix.SockaddrInet6:
		from = netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)) //nolint:gosec // ports have 16 bits
	}
	return length, from, true
}

func (s socket) close() { _ = unix.Close(s.fd) }

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// unreachable tells whether err may be an ICMP answer to an earlier packet. The kernel reports it in place of
// the next send, whose packet has then not left.
func unreachable(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH) ||
		errors.Is(err, unix.ENOPROTOOPT)
}

// full tells whether the kernel had no room for the packet.
func full(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// taken tells whether the port, and only this port, is not to be had.
func taken(err error) bool { return errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EACCES) }

// noDescriptors tells whether the process or the machine is at its limit of open files.
func noDescriptors(err error) bool { return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) }
