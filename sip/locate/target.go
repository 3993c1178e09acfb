package locate

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// target is one entry of Config.Targets. Port 0 means that none was written.
type target struct {
	addr netip.Addr // invalid where host is a name
	host string     // what was written, without port and final dot
	port uint16
	name string // to look up: host, with its final dot where that was written; "" for an address
}

var (
	errForm = errors.New(`must be "ip", "ip:port", "[ip6]:port", "host" or "host:port"`)
	errPort = errors.New("port must be 1 to 65535")
	errAddr = errors.New("not an address that a call can go to")
)

// parseTarget reads "ip", "ip:port", "[ip6]:port", "host" or "host:port". The error does not repeat s.
func parseTarget(s string) (target, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return literal(addr, 0)
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		if ap.Port() == 0 {
			return target{}, errPort
		}
		return literal(ap.Addr(), ap.Port())
	}
	name, text, ported := strings.Cut(s, ":")
	t := target{host: strings.TrimSuffix(name, "."), name: name}
	if !validName(t.host) {
		return target{}, errForm
	}
	if ported {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return target{}, errPort
		}
		t.port = uint16(n)
	}
	return t, nil
}

func literal(addr netip.Addr, port uint16) (target, error) {
	addr = addr.Unmap()
	if addr.Zone() != "" || !callable(addr) {
		return target{}, errAddr
	}
	return target{addr: addr, host: addr.String(), port: port}, nil
}

// String is the target as it may be configured.
func (t target) String() string {
	switch {
	case t.addr.IsValid() && t.port != 0:
		return netip.AddrPortFrom(t.addr, t.port).String()
	case t.addr.IsValid():
		return t.host
	case t.port != 0:
		return fmt.Sprintf("%s:%d", t.name, t.port)
	}
	return t.name
}

// callable tells whether a request may be sent to addr at all.
func callable(addr netip.Addr) bool {
	return addr.IsValid() && !addr.IsUnspecified() && !addr.IsMulticast()
}

const (
	maxName  = 253 // RFC 1035 section 2.3.4, as written without the final dot
	maxLabel = 63
)

// validName tells whether s is a host name without final dot: labels of letters, digits, - and _. The last one is not all
// digits (RFC 3696 section 2), so that a mistyped IP address is no name.
func validName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	digits := false
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		digits = true
		for _, c := range []byte(label) {
			switch {
			case '0' <= c && c <= '9':
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-', c == '_':
				digits = false
			default:
				return false
			}
		}
	}
	return !digits
}
