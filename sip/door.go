package sip

import (
	"bytes"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// What the door lets in of requests that belong to no call of ours: a carrier's keep-alives and call-backs come a few a
// second, while a flood with the carrier's forged address would fill the memory with transactions of 32 s each.
const (
	strangeRate  = 50 // a second
	strangeBurst = 100
	// Of one call: what comes faster stands in line with the strangers.
	dialogRate  = 10 // a second
	dialogBurst = 30
)

// door decides which datagrams are read at all. We are no server for strangers: a datagram from an address that is
// neither a target's nor among the trunk's sources is dropped before it is parsed, and before anything is remembered of it.
type door struct {
	find    locator
	sources []netip.Prefix
	calls   func(callID []byte) bool // tells whether a request with this Call-ID passes as one of a call of ours
	strange *rate.Limiter
	m       *metrics
	log     *slog.Logger
	gate    *logGate
	seed    maphash.Seed
	copies  *copies
}

func newDoor(find locator, sources []netip.Prefix, calls func([]byte) bool, m *metrics, log *slog.Logger) *door {
	return &door{find: find, sources: sources, calls: calls, strange: rate.NewLimiter(strangeRate, strangeBurst), m: m,
		log: log, gate: new(logGate), seed: maphash.MakeSeed(), copies: new(copies)}
}

// knows tells whether ip may talk to us.
func (d *door) knows(ip netip.Addr) bool {
	return d.find.Known(ip) || slices.ContainsFunc(d.sources, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// admits judges a datagram.
func (d *door) admits(from netip.AddrPort, b []byte) bool {
	ip := from.Addr().Unmap()
	if !d.knows(ip) {
		d.turnedAway(ip)
		return false
	}
	if isResponse(b) {
		return d.admitsResponse(ip, b)
	}
	if d.calls(callIDOf(b)) || d.strange.Allow() {
		return true
	}
	d.m.dropped.WithLabelValues("flood").Inc()
	d.say("requests come too fast", ip)
	return false
}

// admitsResponse judges a response by its head.
func (d *door) admitsResponse(ip netip.Addr, b []byte) bool {
	h, ok := headOf(d.seed, b)
	switch {
	case !ok:
		d.m.dropped.WithLabelValues("garbage").Inc()
		d.say("response without its head", ip)
		return false
	case h.refusal && !d.copies.pass(h.key, time.Now()):
		d.m.dropped.WithLabelValues("flood").Inc()
		d.say("the same response comes again and again", ip)
		return false
	}
	return true
}

// admitsStream judges a connection before anything is read from it.
func (d *door) admitsStream(conn *net.TCPConn) bool {
	ip := remoteIP(conn)
	if !d.knows(ip) {
		d.turnedAway(ip)
		return false
	}
	raw, err := conn.SyscallConn()
	return err == nil && limitStall(raw) == nil // else it was closed meanwhile
}

// full counts a connection of the carrier's for which there is no seat.
func (d *door) full(conn *net.TCPConn) {
	d.m.dropped.WithLabelValues("flood").Inc()
	d.say("too many sip connections at once", remoteIP(conn))
}

func remoteIP(conn net.Conn) netip.Addr {
	addr, _ := netip.ParseAddrPort(conn.RemoteAddr().String()) //nolint:errcheck // the zero address is nobody's
	return addr.Addr().Unmap()
}

// turnedAway counts a stranger. The address is logged, at most once in libraryPause: it may be one of the carrier's that
// is missing among the sources.
func (d *door) turnedAway(ip netip.Addr) {
	d.m.dropped.WithLabelValues("stranger").Inc()
	d.say("from an unknown address", ip)
}

func (d *door) say(what string, ip netip.Addr) {
	if skipped, pass := d.gate.pass(time.Now()); pass {
		d.log.Warn("sip input is dropped", "why", what, "source", ip.String(), "skipped", skipped)
	}
}

// isResponse tells a response from a request by its first bytes, as sipgo does.
func isResponse(b []byte) bool { return len(b) >= 3 && bytes.EqualFold(b[:3], []byte("sip")) }

var (
	longCallID  = []byte("\ncall-id")
	shortCallID = []byte("\ni")
)

// callIDOf finds the Call-ID in the head of a datagram without parsing it; nil where there is none. Where the head has
// two, sipgo and we may see different ones: the cost is a place in the flood limit, no more.
func callIDOf(b []byte) []byte {
	if end := bytes.Index(b, []byte("\r\n\r\n")); end >= 0 {
		b = b[:end+2]
	}
	for i := 0; ; {
		nl := bytes.IndexByte(b[i:], '\n')
		if nl < 0 {
			return nil
		}
		i += nl
		line := b[i:]
		for _, name := range [][]byte{longCallID, shortCallID} {
			if len(line) <= len(name) || !bytes.EqualFold(line[:len(name)], name) {
				continue
			}
			rest := bytes.TrimLeft(line[len(name):], " \t")
			if len(rest) == 0 || rest[0] != ':' {
				continue
			}
			value := rest[1:]
			if end := bytes.IndexAny(value, "\r\n"); end >= 0 {
				value = value[:end]
			}
			return bytes.TrimSpace(value)
		}
		i++
	}
}
