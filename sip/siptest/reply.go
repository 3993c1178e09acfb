package siptest

import (
	"net/netip"
	"strconv"
	"strings"
)

// allow is what the farm's phones understand.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"

// reply is a response in the making.
type reply struct {
	status  int
	toTag   string   // put on To where the request has none
	headers []string // further lines
	body    []byte   // SDP
}

// phrases of the statuses in use; others get a plain word.
var phrases = map[int]string{100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 404: "Not Found",
	405: "Method Not Allowed", 407: "Proxy Authentication Required", 408: "Request Timeout",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated",
	488: "Not Acceptable Here", 500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline"}

func phrase(status int) string {
	if p, ok := phrases[status]; ok {
		return p
	}
	return "Refused"
}

// encode writes the response to a request that came from source, and tells where it goes (RFC 3261 §8.2.6).
func (r reply) encode(m *message, source netip.AddrPort) ([]byte, netip.AddrPort) {
	to, via := m.via.replyTo(source)
	var b strings.Builder
	b.WriteString("SIP/2.0 " + strconv.Itoa(r.status) + " " + phrase(r.status) + "\r\n")
	first := true
	for _, h := range m.headers {
		if h.name == "via" {
			if !first {
				via = h.value
			}
			first = false
			b.WriteString("Via: " + via + "\r\n")
		}
	}
	b.WriteString("From: " + m.value("from") + "\r\n")
	b.WriteString("To: " + m.value("to"))
	if m.toTag == "" && r.toTag != "" {
		b.WriteString(";tag=" + r.toTag)
	}
	b.WriteString("\r\nCall-ID: " + m.callID + "\r\nCSeq: " + m.value("cseq") + "\r\n")
	if m.method == "INVITE" && r.status > 100 && r.status < 300 {
		for _, route := range m.all("record-route") {
			b.WriteString("Record-Route: " + route + "\r\n")
		}
	}
	for _, h := range r.headers {
		b.WriteString(h + "\r\n")
	}
	if len(r.body) > 0 {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	b.WriteString("Content-Length: " + strconv.Itoa(len(r.body)) + "\r\n\r\n")
	b.Write(r.body)
	return []byte(b.String()), to
}
