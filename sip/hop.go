package sip

import (
	"net/netip"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// hop is where a request goes next, and by which transport.
type hop struct {
	addr netip.AddrPort
	over Transport
}

// String is the hop's ip:port.
func (h hop) String() string { return h.addr.String() }

// hostPort is a sent-by: a host, or an IP address without brackets, with its port.
type hostPort struct {
	host string
	port int
}

// network is the transport's name in a Via header.
func (t Transport) network() string {
	switch t {
	case OverTCP:
		return "TCP"
	case OverTLS:
		return "TLS"
	case OverUDP:
	}
	return "UDP"
}

// stream tells whether the transport is a connection: nothing is sent twice then, and size does not matter.
func (t Transport) stream() bool { return t != OverUDP }

// port is the transport's well-known port.
func (t Transport) port() uint16 {
	if t == OverTLS {
		return defaultTLSPort
	}
	return defaultPort
}

// address puts the hop into a request, so that sipgo has nothing to look up: UDP leaves from the socket that we listen
// on, a stream from our address and a port of the kernel's.
func (a *Agent) address(req *sip.Request, h hop) {
	req.SetTransport(h.over.network())
	req.SetDestination(h.addr.String())
	req.Laddr = a.local[h.over]
}

// via is a Via of ours with a new branch. rport asks for the response to come back through a NAT (RFC 3581).
func (a *Agent) via(over Transport) *sip.ViaHeader {
	self := a.self[over]
	return &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: over.network(), Host: self.host,
		Port: self.port, Params: sip.HeaderParams{{K: "branch", V: sip.GenerateBranch()}, {K: "rport"}}}
}

// contact is where in-dialog requests of the far end reach us.
func (a *Agent) contact(user string, over Transport) *sip.ContactHeader {
	self := a.self[over]
	uri := sip.Uri{Scheme: "sip", User: user, Host: self.host, Port: self.port}
	if over.stream() {
		uri.UriParams = sip.HeaderParams{{K: "transport", V: string(over)}}
	}
	return &sip.ContactHeader{Address: uri}
}

// parseHop reads "ip:port" as sipgo reports sources; ok is false for anything else.
func parseHop(s string, over Transport) (hop, bool) {
	addr, err := netip.ParseAddrPort(s)
	if err != nil {
		return hop{}, false
	}
	return hop{netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), over}, true
}

// hopOf is where a request of ours goes, as address has put it there.
func hopOf(req *sip.Request) hop {
	over := OverUDP
	switch req.Transport() {
	case OverTCP.network():
		over = OverTCP
	case OverTLS.network():
		over = OverTLS
	}
	to, _ := parseHop(req.Destination(), over)
	return to
}

// sentBy writes a sent-by for logs.
func (h hostPort) String() string { return h.host + ":" + strconv.Itoa(h.port) }
