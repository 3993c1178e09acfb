package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Payload types of our offer (RFC 3551 section 6; the event type is dynamic).
const (
	PCMU  uint8 = 0
	PCMA  uint8 = 8
	Event uint8 = 101
)

// Bounds of what the parser looks at. A session description that a phone call needs has some 300 bytes.
const (
	maxSDP      = 16 << 10
	maxSDPLines = 512
	maxFormats  = 64
	defaultTime = 20 * time.Millisecond
)

// Why a session description is of no use to us. Each is wrapped with the key fact.
var (
	ErrSDP     = errors.New("malformed session description")
	ErrNoAudio = errors.New("no audio stream that we can play to")
)

// Offer writes the session description of our INVITE (RFC 4566, RFC 3264): one audio stream at ip and port, A-law
// before µ-law, telephone events (RFC 4733), 20 ms frames, both directions. session numbers the session (o= line): any
// number, another one for each call.
func Offer(ip netip.Addr, port int, session uint64) []byte {
	ip = ip.Unmap()
	family := "IP4"
	if ip.Is6() {
		family = "IP6"
	}
	b := make([]byte, 0, 300)
	for _, part := range []string{"v=0\r\no=avanak ", strconv.FormatUint(session, 10), " 1 IN ", family, " ", ip.String(),
		"\r\ns=-\r\nc=IN ", family, " ", ip.String(), "\r\nt=0 0\r\nm=audio ", strconv.Itoa(port), offerFormats} {
		b = append(b, part...)
	}
	return b
}

// offerFormats is what our offer says of the codecs: the same for every call.
var offerFormats = fmt.Sprintf(" RTP/AVP %[1]d %[2]d %[3]d\r\na=rtpmap:%[1]d PCMA/8000\r\na=rtpmap:%[2]d PCMU/8000\r\n"+
	"a=rtpmap:%[3]d telephone-event/8000\r\na=fmtp:%[3]d 0-15\r\na=ptime:20\r\na=sendrecv\r\n", PCMA, PCMU, Event)

// Direction is which way audio flows, as the far end names it (RFC 4566 section 6).
type Direction string

// The directions.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Answer is what the far end wants to hear, and where.
type Answer struct {
	Addr        netip.AddrPort // where RTP goes; an unspecified address (0.0.0.0) is a hold of the old kind
	PayloadType uint8          // PCMA or PCMU
	Event       uint8          // payload type of telephone events, 0 where there are none
	PTime       time.Duration  // of one packet; 20 ms where none is named
	Direction   Direction      // Inactive for a hold of the old kind
}

// ParseAnswer reads the session description of a 2xx: its first audio stream that is not declined and speaks G.711 over
// plain RTP. Host names and multicast addresses are refused; unknown lines and attributes are skipped. Errors wrap
// ErrSDP or ErrNoAudio and never hold the text.
func ParseAnswer(b []byte) (Answer, error) {
	s, err := parseSession(b)
	if err != nil {
		return Answer{}, err
	}
	return s.answer()
}

// offered judges the session description of a re-INVITE: which way its audio flows, and whether it is for us. Further
// streams are fine where the far end itself turns them down (port 0, as after a fax): rest is the lines of our answer for
// them, for an answer has as many streams as its offer (RFC 3264 section 6).
func offered(b []byte) (rest string, d Direction, err error) {
	s, err := parseSession(b)
	if err != nil {
		return "", "", err
	}
	a, err := s.answer()
	if err != nil {
		return "", "", err
	}
	if s.media[0].port == 0 {
		return "", "", fmt.Errorf("%w: it is not the first stream", ErrNoAudio)
	}
	for _, m := range s.media[1:] {
		if m.port != 0 || !token(m.kind) || strings.ContainsFunc(m.proto, func(r rune) bool { return r != '/' && !token(string(r)) }) {
			return "", "", fmt.Errorf("%w: there are further streams", ErrNoAudio)
		}
		rest += "m=" + m.kind + " 0 " + m.proto + " " + m.format + "\r\n"
	}
	return rest, a.Direction, nil
}

// turned is our session description with the direction that answers theirs, and its o= line's version raised by more.
func turned(local []byte, theirs Direction, more int) []byte {
	ours := map[Direction]Direction{SendOnly: RecvOnly, RecvOnly: SendOnly, Inactive: Inactive}[theirs]
	if ours == "" {
		ours = SendRecv
	}
	out := bytes.Replace(local, []byte("a="+SendRecv+"\r\n"), []byte("a="+ours+"\r\n"), 1)
	if more == 0 {
		return out
	}
	return bytes.Replace(out, []byte(" 1 IN IP"), fmt.Appendf(nil, " %d IN IP", 1+more), 1)
}

// description is the part of a session description that concerns us.
type description struct {
	addr      string // of the c= line at session level
	direction Direction
	media     []stream
}

// stream is one m= section.
type stream struct {
	kind      string
	port      uint16
	proto     string
	formats   []uint8
	format    string // the first one, as it is written
	addr      string // of its own c= line, "" for the session's
	direction Direction
	ptime     time.Duration
	codecs    map[uint8]string // a=rtpmap, encoding in upper case
}

func parseSession(b []byte) (description, error) {
	var s description
	if len(b) == 0 || len(b) > maxSDP {
		return s, fmt.Errorf("%w: %d bytes", ErrSDP, len(b))
	}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			continue
		}
		if n > maxSDPLines || len(text) < 2 || text[1] != '=' || (n == 1) != (text[0] == 'v') {
			return s, fmt.Errorf("%w: line %d", ErrSDP, n)
		}
		if err := s.line(text[0], strings.TrimSpace(text[2:])); err != nil {
			return s, fmt.Errorf("%w (line %d)", err, n)
		}
	}
	return s, nil
}

// line reads one line of type kind.
func (s *description) line(kind byte, value string) error {
	var m *stream
	if len(s.media) > 0 {
		m = &s.media[len(s.media)-1]
	}
	switch kind {
	case 'v':
		if value != "0" {
			return fmt.Errorf("%w: version", ErrSDP)
		}
	case 'm':
		next, err := parseStream(value)
		if err != nil {
			return err
		}
		s.media = append(s.media, next)
	case 'c':
		f := strings.Fields(value)
		if len(f) != 3 || f[0] != "IN" || (f[1] != "IP4" && f[1] != "IP6") {
			return fmt.Errorf("%w: connection", ErrSDP)
		}
		if m != nil {
			m.addr = f[2]
		} else {
			s.addr = f[2]
		}
	case 'a':
		if m != nil {
			m.attribute(value)
		} else if d := Direction(value); d.known() {
			s.direction = d
		}
	}
	return nil
}

func (d Direction) known() bool {
	return d == SendRecv || d == SendOnly || d == RecvOnly || d == Inactive
}

// parseStream reads "audio 4000 RTP/AVP 8 101" (a port may be "4000/2").
func parseStream(value string) (stream, error) {
	f := strings.Fields(value)
	if len(f) < 4 || len(f) > 3+maxFormats {
		return stream{}, fmt.Errorf("%w: media", ErrSDP)
	}
	first, _, _ := strings.Cut(f[1], "/")
	port, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return stream{}, fmt.Errorf("%w: media port", ErrSDP)
	}
	m := stream{kind: f[0], port: uint16(port), proto: f[2], format: f[3], codecs: make(map[uint8]string)}
	for _, text := range f[3:] {
		if n, err := strconv.ParseUint(text, 10, 7); err == nil { // others are no RTP payload types
			m.formats = append(m.formats, uint8(n))
		}
	}
	return m, nil
}

// attribute reads an a= line of the stream; what is malformed or unknown is skipped.
func (m *stream) attribute(value string) {
	if d := Direction(value); d.known() {
		m.direction = d
		return
	}
	name, rest, _ := strings.Cut(value, ":")
	rest = strings.TrimSpace(rest)
	switch name {
	case "ptime":
		if ms, err := strconv.ParseUint(rest, 10, 16); err == nil && ms >= 10 && ms <= 200 && ms%10 == 0 {
			m.ptime = time.Duration(ms) * time.Millisecond
		}
	case "rtpmap":
		pt, codec, _ := strings.Cut(rest, " ")
		if n, err := strconv.ParseUint(pt, 10, 7); err == nil && len(m.codecs) < maxFormats {
			m.codecs[uint8(n)] = strings.ToUpper(strings.TrimSuffix(strings.TrimSpace(codec), "/1"))
		}
	}
}

// answer picks the stream to play to.
func (s *description) answer() (Answer, error) {
	for i := range s.media {
		m := &s.media[i]
		pt, ok := m.codec()
		if m.kind != "audio" || m.port == 0 || m.proto != "RTP/AVP" || !ok {
			continue
		}
		addr := m.addr
		if addr == "" {
			addr = s.addr
		}
		addr, _, _ = strings.Cut(addr, "/") // a multicast TTL
		ip, err := netip.ParseAddr(addr)
		if err != nil || ip.Zone() != "" || ip.IsMulticast() || ip.Unmap() == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			return Answer{}, fmt.Errorf("%w: address", ErrSDP)
		}
		a := Answer{Addr: netip.AddrPortFrom(ip.Unmap(), m.port), PayloadType: pt, Event: m.event(),
			PTime: m.ptime, Direction: m.direction}
		if a.Direction == "" {
			a.Direction = s.direction
		}
		if a.Direction == "" {
			a.Direction = SendRecv
		}
		if ip.Unmap().IsUnspecified() {
			a.Direction = Inactive
		}
		if a.PTime == 0 {
			a.PTime = defaultTime
		}
		return a, nil
	}
	return Answer{}, ErrNoAudio
}

// codec is the stream's first format that is G.711 under its static payload type.
func (m *stream) codec() (uint8, bool) {
	static := map[uint8]string{PCMA: "PCMA/8000", PCMU: "PCMU/8000"}
	for _, pt := range m.formats {
		want, ok := static[pt]
		if named, mapped := m.codecs[pt]; ok && (!mapped || named == want) {
			return pt, true
		}
	}
	return 0, false
}

// event is the payload type of telephone events, 0 where there are none.
func (m *stream) event() uint8 {
	for _, pt := range m.formats {
		if pt >= 96 && m.codecs[pt] == "TELEPHONE-EVENT/8000" {
			return pt
		}
	}
	return 0
}
