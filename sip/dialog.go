package sip

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// maxRoutes bounds the route set that we take from a 2xx.
const maxRoutes = 64

// dialog is the state that RFC 3261 section 12 keeps of one answered branch of an INVITE, seen from the caller. Its
// messages share headers and addresses: nobody changes one that was parsed or sent.
type dialog struct {
	agent  *Agent
	callID string
	from   *sip.FromHeader // ours, with our tag
	to     *sip.ToHeader   // theirs, with their tag
	routes []sip.Uri       // frozen at the 2xx (section 12.1.2: Record-Route in reverse order)
	source hop             // where the 2xx came from, or by a stream the INVITE's hop
	invite uint32          // CSeq number of the INVITE, and of its ACK
	user   string          // of our Contact

	mu     sync.Mutex
	target sip.Uri // the far end's Contact, else its To address; guarded by mu
	known  bool    // target is a Contact; guarded by mu
	cseq   uint32  // of our last request; guarded by mu
	remote uint32  // CSeq of their last request, 0 before the first; guarded by mu
}

// newDialog makes the dialog that a response with a To tag confirms, or begins (section 12.1.2). A 2xx without Contact
// (it must have one) leaves its To address as target; the packets go to where the 2xx came from.
func newDialog(l *leg, res *sip.Response) *dialog {
	a := l.agent
	d := &dialog{agent: a, callID: l.callID, from: res.From(),
		to: res.To(), source: l.hop, invite: res.CSeq().SeqNo,
		cseq: max(l.cseq, res.CSeq().SeqNo)}
	if caller, err := a.caller(l.inv); err == nil {
		d.user = a.contactUser(caller)
	}
	if from, ok := parseHop(res.Source(), OverUDP); ok && !l.hop.over.stream() {
		d.source = from
	}
	d.target = d.to.Address
	d.refresh(res)
	for _, h := range res.GetHeaders("Record-Route") {
		rr, ok := h.(*sip.RecordRouteHeader)
		if ok && rr.Address.Host != "" && len(d.routes) < maxRoutes {
			d.routes = append(d.routes, rr.Address)
		}
	}
	slices.Reverse(d.routes)
	return d
}

// refresh takes the remote target from a message that is a target refresh (section 12.2).
func (d *dialog) refresh(msg interface{ Contact() *sip.ContactHeader }) {
	c := msg.Contact()
	if c == nil || c.Address.Host == "" || c.Address.Wildcard {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.target = c.Address
	d.known = true
	d.target.Headers = nil // not allowed in a Request-URI (section 19.1.1, table 1)
}

// count numbers our next request.
func (d *dialog) count() uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cseq++
	return d.cseq
}

// newer notes the CSeq number of a request of theirs; false means that it is older than one before (section 12.2.2).
func (d *dialog) newer(seq uint32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if seq < d.remote {
		return false
	}
	d.remote = seq
	return true
}

// request builds an in-dialog request (section 12.2.1.1) without body.
func (d *dialog) request(method sip.RequestMethod, seq uint32, extra ...sip.Header) *sip.Request {
	return d.requestWith(method, seq, nil, extra...)
}

// requestWith builds one with a session description.
func (d *dialog) requestWith(method sip.RequestMethod, seq uint32, body []byte, extra ...sip.Header) *sip.Request {
	d.mu.Lock()
	recipient, next := d.target, d.source
	if d.known {
		next = d.next(d.target)
	}
	d.mu.Unlock()
	routes := d.routes
	if len(routes) > 0 {
		hop := routes[0]
		next = d.next(hop)
		if !hop.UriParams.Has("lr") { // a strict router (RFC 2543) wants to be the Request-URI
			routes = append(slices.Clone(routes[1:]), recipient)
			recipient = hop
			recipient.Headers = nil
		}
	}
	req := d.agent.newRequest(method, recipient, d.agent.via(next.over), next)
	for _, r := range routes {
		req.AppendHeader(&sip.RouteHeader{Address: r})
	}
	callID := sip.CallIDHeader(d.callID)
	req.AppendHeader(d.from)
	req.AppendHeader(d.to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	req.AppendHeader(d.agent.userAgent)
	for _, h := range extra {
		req.AppendHeader(h)
	}
	return enclose(req, body)
}

// next is where packets for u go. A host name, another transport or a foreign scheme is not followed: what answered the
// INVITE knows the way, and no look-up may hold up an ACK. A stream goes on over the connection that carried the INVITE.
func (d *dialog) next(u sip.Uri) hop {
	ip, err := netip.ParseAddr(trimBrackets(u.Host))
	transport, given := u.UriParams.Get("transport")
	if d.source.over.stream() || err != nil || ip.IsUnspecified() || u.Scheme != "sip" || u.Port < 0 || u.Port > 65535 ||
		(given && sip.NetworkToLower(transport) != "udp") || ip.Unmap().Is6() != d.source.addr.Addr().Is6() {
		return d.source
	}
	port := uint16(defaultPort)
	if u.Port > 0 {
		port = uint16(u.Port)
	}
	return hop{netip.AddrPortFrom(ip.Unmap(), port), OverUDP}
}

func trimBrackets(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}
