package sip

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// version is the only one that there is.
const version = "SIP/2.0"

// single are the headers that a request has once (RFC 3261 section 7.3.1, RFC 4475 section 3.3.8).
var single = [...]string{"Call-ID", "CSeq", "From", "To", "Max-Forwards", "Content-Length", "Content-Type"}

// flaw names what is wrong with a request beyond what sipgo's parser sees (RFC 4475): the response that it earns, status
// 0 where it is sound.
func flaw(req *sip.Request) (status int, reason string, extra []sip.Header) {
	bad := func(what string) (int, string, []sip.Header) { return 400, "Bad Request: " + what, nil }
	cseq := req.CSeq()
	switch {
	case req.CallID() == nil || req.From() == nil || req.To() == nil || cseq == nil || req.Via() == nil:
		return bad("mandatory header missing")
	case !strings.EqualFold(req.SipVersion, version):
		return 505, "Version Not Supported", nil
	case !strings.EqualFold(strings.TrimSpace(string(cseq.MethodName)), string(req.Method)): // sipgo writes one of them in capitals
		return bad("CSeq method")
	case tagOf(req.From().Params) == "":
		return bad("From tag")
	case len(*req.CallID()) == 0 || len(*req.CallID()) > maxCallID:
		return bad("Call-ID")
	}
	for _, name := range single {
		if len(req.GetHeaders(name)) > 1 {
			return bad("header twice")
		}
	}
	if length := req.ContentLength(); length != nil && int(*length) > len(req.Body()) {
		return bad("body too short")
	}
	if forwards := req.MaxForwards(); forwards != nil && *forwards == 0 && req.Method != sip.OPTIONS {
		return 483, "Too Many Hops", nil
	}
	if scheme := strings.ToLower(req.Recipient.Scheme); scheme != "sip" && scheme != "sips" && scheme != "tel" {
		return 416, "Unsupported URI Scheme", nil
	}
	if req.Method == sip.ACK || req.Method == sip.CANCEL { // these two have no Require (section 8.2.2.3)
		return 0, "", nil
	}
	if unknown := notUnderstood(req.GetHeaders("Require")); unknown != "" {
		return 420, "Bad Extension", []sip.Header{sip.NewHeader("Unsupported", unknown)}
	}
	return 0, "", nil
}

// maxCallID bounds a far end's Call-ID, in bytes.
const maxCallID = 256

// notUnderstood lists the options of Require headers that we do not have.
func notUnderstood(headers []sip.Header) string {
	var unknown []string
	for _, h := range headers {
		for option := range strings.SplitSeq(h.Value(), ",") {
			option = strings.TrimSpace(option)
			switch {
			case option == "", strings.EqualFold(option, "timer"), strings.EqualFold(option, "100rel"):
			case !token(option) || len(unknown) >= maxHeaders:
				return "unreadable"
			default:
				unknown = append(unknown, option)
			}
		}
	}
	return strings.Join(unknown, ", ")
}
