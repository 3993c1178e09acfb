package siptest

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Bounds of what is read.
const (
	maxHeaders = 128
	maxLine    = 8 << 10
	maxUDP     = 64 << 10
)

// errMessage is the reason for which a datagram is no SIP message to us; the farm counts such and goes on.
var errMessage = errors.New("not a SIP message")

// message is a SIP request or response (RFC 3261 §7).
type message struct {
	method, uri string // of a request
	status      int    // of a response; 0 marks a request
	headers     []header
	body        []byte

	via     via    // the topmost
	callID  string // Call-ID
	cseq    uint32 // CSeq's number
	cmethod string // CSeq's method
	fromTag string
	toTag   string
}

// header is one header field; name is the long form in lower case.
type header struct{ name, value string }

// compact maps the compact forms of RFC 3261 §7.3.3 and later RFCs.
var compact = map[string]string{"i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length",
	"c": "content-type", "f": "from", "s": "subject", "k": "supported", "t": "to", "v": "via", "o": "event",
	"r": "refer-to", "u": "allow-events", "x": "session-expires"}

// parse reads one datagram. What it returns shares no memory with b.
func parse(b []byte) (*message, error) {
	if len(b) > maxUDP {
		return nil, errMessage
	}
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found || bytes.IndexByte(head, 0) >= 0 {
		return nil, errMessage
	}
	lines := strings.Split(string(head), "\r\n")
	m := &message{}
	if !m.startLine(lines[0]) {
		return nil, errMessage
	}
	for _, line := range lines[1:] {
		if !m.addLine(line) {
			return nil, errMessage
		}
	}
	if !m.index() || !m.setBody(body) {
		return nil, errMessage
	}
	return m, nil
}

func (m *message) startLine(line string) bool {
	first, rest, _ := strings.Cut(line, " ")
	if first == "SIP/2.0" {
		code, _, _ := strings.Cut(rest, " ")
		status, err := strconv.Atoi(code)
		m.status = status
		return err == nil && len(code) == 3 && status >= 100 && status <= 699
	}
	uri, version, _ := strings.Cut(rest, " ")
	m.method, m.uri = first, uri
	return isToken(first) && uri != "" && len(uri) <= maxLine && version == "SIP/2.0"
}

// addLine takes a header line, or the continuation of the one before (RFC 3261 §7.3.1).
func (m *message) addLine(line string) bool {
	if len(line) > maxLine {
		return false
	}
	if line != "" && (line[0] == ' ' || line[0] == '\t') && len(m.headers) > 0 {
		last := &m.headers[len(m.headers)-1]
		last.value += " " + strings.TrimSpace(line)
		return len(last.value) <= maxLine
	}
	name, value, found := strings.Cut(line, ":")
	name = strings.ToLower(strings.TrimRight(name, " \t"))
	if !found || !isToken(name) || len(m.headers) == maxHeaders {
		return false
	}
	if long, ok := compact[name]; ok {
		name = long
	}
	m.headers = append(m.headers, header{name, strings.TrimSpace(value)})
	return true
}

// index reads the headers that no message may lack, each of them once (Via excepted).
func (m *message) index() bool {
	for _, name := range [...]string{"from", "to", "call-id", "cseq"} {
		if n := len(m.all(name)); n != 1 {
			return false
		}
	}
	var ok bool
	if m.via, ok = parseVia(m.value("via")); !ok {
		return false
	}
	number, method, _ := strings.Cut(m.value("cseq"), " ")
	seq, err := strconv.ParseUint(number, 10, 31)
	m.cseq, m.cmethod = uint32(seq), strings.TrimSpace(method)
	m.callID = m.value("call-id")
	m.fromTag, m.toTag = tagOf(m.value("from")), tagOf(m.value("to"))
	return err == nil && isToken(m.cmethod) && m.callID != "" && (m.status != 0 || m.cmethod == m.method)
}

func (m *message) setBody(body []byte) bool {
	if length := m.value("content-length"); length != "" {
		n, err := strconv.ParseUint(length, 10, 31)
		if err != nil || n > uint64(len(body)) {
			return false
		}
		body = body[:n]
	}
	m.body = bytes.Clone(body)
	return true
}

// value returns the first field of this name, "" where there is none.
func (m *message) value(name string) string {
	for _, h := range m.headers {
		if h.name == name {
			return h.value
		}
	}
	return ""
}

// all returns all fields of this name in order.
func (m *message) all(name string) []string {
	var values []string
	for _, h := range m.headers {
		if h.name == name {
			values = append(values, h.value)
		}
	}
	return values
}

// transaction returns the key under which a server transaction is found: branch and sent-by (RFC 3261 §17.2.3). ACK and
// CANCEL give the key of their INVITE. Branches without the magic cookie say nothing: other fields stand in.
func (m *message) transaction() string {
	if strings.HasPrefix(m.via.branch, branchCookie) {
		return m.via.branch + "\x00" + m.via.sentBy
	}
	return m.callID + "\x00" + m.fromTag + "\x00" + strconv.FormatUint(uint64(m.cseq), 10)
}

const branchCookie = "z9hG4bK"

// via is the topmost value of Via.
type via struct {
	sentBy string
	branch string
	rport  bool   // the sender asks for the reply at its source port (RFC 3581)
	rest   string // further values of the same line
	value  string // this value
}

func parseVia(line string) (via, bool) {
	value, rest, _ := strings.Cut(line, ",")
	v := via{value: strings.TrimSpace(value), rest: strings.TrimSpace(rest)}
	protocol, where, _ := strings.Cut(v.value, " ")
	sentBy, params, _ := strings.Cut(where, ";")
	v.sentBy = strings.TrimSpace(sentBy)
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch strings.ToLower(name) {
		case "branch":
			v.branch = value
		case "rport":
			v.rport = true
		}
	}
	return v, strings.EqualFold(protocol, "SIP/2.0/UDP") && v.sentBy != ""
}

// replyTo is where responses go, and the Via line that they carry (RFC 3261 §18.2.2, RFC 3581 §4).
func (v via) replyTo(source netip.AddrPort) (netip.AddrPort, string) {
	line := v.value
	if v.rport {
		// Both spellings of the flag occur: ";rport" and ";rport=".
		params := strings.Split(line, ";")
		for i, p := range params {
			if name, _, _ := strings.Cut(strings.TrimSpace(p), "="); i > 0 && strings.EqualFold(name, "rport") {
				params[i] = "rport=" + strconv.Itoa(int(source.Port()))
			}
		}
		line = strings.Join(params, ";")
	}
	line += ";received=" + source.Addr().String()
	if v.rest != "" {
		line += ", " + v.rest
	}
	if v.rport {
		return source, line
	}
	port := uint16(5060)
	if i := strings.LastIndexByte(v.sentBy, ':'); i >= 0 && i > strings.LastIndexByte(v.sentBy, ']') {
		if p, err := strconv.ParseUint(v.sentBy[i+1:], 10, 16); err == nil && p > 0 {
			port = uint16(p)
		}
	}
	return netip.AddrPortFrom(source.Addr(), port), line
}

// isToken tells whether s is a token of RFC 3261 §25.1.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-.!%*_+`'~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
