package siptest

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Payload types of G.711 (RFC 3551 §6).
const (
	PCMU = 0
	PCMA = 8
)

// Bounds of an offer.
const (
	maxSDP      = 16 << 10
	maxSDPLines = 512
	maxMedia    = 16
	maxFormats  = 64
)

var (
	errSDP     = errors.New("not a session description")
	errNoCodec = errors.New("no audio that the callee can play")
)

// offer is what the callee needs of an SDP offer (RFC 8866, RFC 3264).
type offer struct {
	media   netip.AddrPort // of the first audio stream
	formats []uint8        // its payload types in the caller's order
	event   int            // payload type of telephone-event, -1 where not offered
	audio   int            // its index among lines
	lines   []string       // the m= lines' values
}

// readOffer reads an SDP body.
func readOffer(body []byte) (offer, error) {
	if len(body) == 0 || len(body) > maxSDP {
		return offer{}, errSDP
	}
	o := offer{event: -1, audio: -1}
	var session, media netip.Addr
	for n, line := range strings.Split(string(body), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if n >= maxSDPLines || len(line) < 2 || line[1] != '=' || (n == 0 && line != "v=0") {
			return offer{}, errSDP
		}
		inAudio := o.audio >= 0 && o.audio == len(o.lines)-1
		var err error
		switch value := line[2:]; {
		case line[0] == 'm':
			err = o.addMedia(value)
		case line[0] == 'c' && len(o.lines) == 0:
			session, err = readConnection(value)
		case line[0] == 'c' && inAudio:
			media, err = readConnection(value)
		case line[0] == 'a' && inAudio:
			o.addAttribute(value)
		}
		if err != nil {
			return offer{}, err
		}
	}
	if o.audio < 0 || o.media.Port() == 0 {
		return offer{}, errNoCodec
	}
	if !media.IsValid() {
		media = session
	}
	if !media.IsValid() {
		return offer{}, errSDP
	}
	o.media = netip.AddrPortFrom(media, o.media.Port())
	return o, nil
}

// addMedia reads the value of an m= line: "audio 4000 RTP/AVP 8 0 101".
func (o *offer) addMedia(value string) error {
	fields := strings.Fields(value)
	if len(fields) < 4 || len(fields) > 3+maxFormats || len(o.lines) == maxMedia {
		return errSDP
	}
	o.lines = append(o.lines, strings.Join(fields, " "))
	if o.audio >= 0 || fields[0] != "audio" || fields[2] != "RTP/AVP" {
		return nil
	}
	port, err := strconv.ParseUint(fields[1], 10, 16)
	if err != nil {
		return errSDP
	}
	o.audio = len(o.lines) - 1
	o.media = netip.AddrPortFrom(netip.Addr{}, uint16(port))
	for _, f := range fields[3:] {
		format, err := strconv.ParseUint(f, 10, 7)
		if err != nil {
			return errSDP
		}
		o.formats = append(o.formats, uint8(format))
	}
	return nil
}

// addAttribute looks for telephone-event (RFC 4733) among the a= lines of the audio stream.
func (o *offer) addAttribute(value string) {
	mapping, isMap := strings.CutPrefix(value, "rtpmap:")
	format, name, _ := strings.Cut(mapping, " ")
	if n, err := strconv.ParseUint(format, 10, 7); isMap && err == nil && strings.HasPrefix(name, "telephone-event/8000") {
		o.event = int(n)
	}
}

// readConnection reads the value of a c= line: "IN IP4 127.0.0.1".
func readConnection(value string) (netip.Addr, error) {
	fields := strings.Fields(value)
	if len(fields) != 3 || fields[0] != "IN" || (fields[1] != "IP4" && fields[1] != "IP6") {
		return netip.Addr{}, errSDP
	}
	ip, _, _ := strings.Cut(fields[2], "/")
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Is4() != (fields[1] == "IP4") {
		return netip.Addr{}, errSDP
	}
	return addr, nil
}

// choose returns the payload type of the answer: the first of PCMA and PCMU in the offer, or PCMU where that is wished
// and offered.
func (o offer) choose(ulaw bool) (uint8, error) {
	chosen := -1
	for _, f := range o.formats {
		switch {
		case ulaw && f == PCMU:
			return PCMU, nil
		case chosen < 0 && (f == PCMA || f == PCMU):
			chosen = int(f)
		}
	}
	if chosen < 0 {
		return 0, errNoCodec
	}
	return uint8(chosen), nil
}

// answer writes the SDP answer: one audio stream at addr, every other stream refused with port 0 (RFC 3264 §6).
func (o offer) answer(addr netip.AddrPort, format uint8) []byte {
	family := "IP4"
	if addr.Addr().Is6() {
		family = "IP6"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=callee %d 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", addr.Port(), family, addr.Addr(),
		family, addr.Addr())
	for i, line := range o.lines {
		if i != o.audio {
			fields := strings.Fields(line)
			fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", fields[0], fields[2], fields[3])
			continue
		}
		name := "PCMA"
		if format == PCMU {
			name = "PCMU"
		}
		events, eventMap := "", ""
		if o.event >= 0 {
			events = fmt.Sprintf(" %d", o.event)
			eventMap = fmt.Sprintf("a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", o.event, o.event)
		}
		fmt.Fprintf(&b, "m=audio %d RTP/AVP %d%s\r\na=rtpmap:%d %s/8000\r\n%sa=ptime:20\r\na=sendrecv\r\n", addr.Port(),
			format, events, format, name, eventMap)
	}
	return []byte(b.String())
}
