package siptest

import (
	"net/netip"
	"strings"
)

// splitAddress takes a name-addr or addr-spec (RFC 3261 §20.10) apart: its URI and its header parameters.
func splitAddress(value string) (uri, params string) {
	rest := value
	if strings.HasPrefix(rest, `"`) { // a display name may hold anything, angle brackets too
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\\' {
				i++
			} else if rest[i] == '"' {
				rest = rest[i+1:]
				break
			}
		}
	}
	if open := strings.IndexByte(rest, '<'); open >= 0 {
		if end := strings.IndexByte(rest[open:], '>'); end >= 0 {
			return rest[open+1 : open+end], rest[open+end+1:]
		}
	}
	uri, params, _ = strings.Cut(rest, ";")
	return strings.TrimSpace(uri), ";" + params
}

// tagOf returns the tag parameter of From or To, "" where there is none.
func tagOf(value string) string {
	_, params := splitAddress(value)
	for p := range strings.SplitSeq(params, ";") {
		name, tag, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(name), "tag") {
			return strings.TrimSpace(tag)
		}
	}
	return ""
}

// userOf returns the user part of a SIP URI, or the number of a tel URI, as it stands.
func userOf(uri string) string {
	scheme, rest, _ := strings.Cut(uri, ":")
	if !strings.EqualFold(scheme, "tel") {
		at := strings.LastIndexByte(rest, '@')
		if at < 0 {
			return ""
		}
		rest = rest[:at]
	}
	if end := strings.IndexAny(rest, ":;"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// addrOf returns the socket address that a SIP URI names; false where its host is no IP literal.
func addrOf(uri string) (netip.AddrPort, bool) {
	_, host, _ := strings.Cut(uri, ":")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if end := strings.IndexAny(host, ";?"); end >= 0 {
		host = host[:end]
	}
	if addr, err := netip.ParseAddrPort(host); err == nil {
		return addr, addr.Port() != 0
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return netip.AddrPortFrom(ip, 5060), err == nil
}

// splitList cuts a header value at the commas outside quotes and angle brackets, as Record-Route needs.
func splitList(value string) []string {
	var parts []string
	quoted, angled, from := false, false, 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angled = true
		case c == '>':
			angled = false
		case c == ',' && !angled:
			parts = append(parts, strings.TrimSpace(value[from:i]))
			from = i + 1
		}
	}
	return append(parts, strings.TrimSpace(value[from:]))
}
