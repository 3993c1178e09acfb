package locate

import (
	"net/netip"
	"slices"
)

// Place is one address that a call may go to.
type Place struct {
	Addr netip.AddrPort
	Host string // the name or IP that was configured, without port: what a TLS certificate must carry (RFC 5922 section 4)
	Port uint16 // the port that was configured; 0 where none was: the Request-URI has none then either (RFC 3263 section 4)
	Via  string // the name that an SRV record led to; "" where none did
}

// Transport is what carries a trunk's messages. It decides which SRV records are asked for and the default port.
type Transport string

// The transports: _sip._udp and 5060, _sip._tcp and 5060, _sips._tcp and 5061 (RFC 3263 sections 4.1 and 4.2).
const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

func (t Transport) valid() bool { return t == UDP || t == TCP || t == TLS }

// service is the pair that names the SRV records.
func (t Transport) service() (service, proto string) {
	switch t {
	case TLS:
		return "sips", "tcp"
	case TCP:
		return "sip", "tcp"
	case UDP:
	}
	return "sip", "udp"
}

func (t Transport) port() uint16 {
	if t == TLS {
		return 5061
	}
	return 5060
}

// maxPlaces is how many places one call gets at most: no call is tried half as often.
const maxPlaces = 32

// places is a list under construction.
type places []Place

// add appends p unless its address is there already, or the list is full.
func (l *places) add(p Place) {
	if len(*l) < maxPlaces && !slices.ContainsFunc(*l, func(have Place) bool { return have.Addr == p.Addr }) {
		*l = append(*l, p)
	}
}
