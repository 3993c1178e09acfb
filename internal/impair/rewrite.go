package impair

import "bytes"

// swap replaces one "ip:port" by another.
type swap struct{ from, to string }

// swaps are the replacements of one direction, made in one pass: what was put in is not replaced again.
type swaps []swap

// opaque are the headers that stay as they are although an address may stand in them: a Call-ID is compared, not read
// (RFC 3261 section 8.1.1.4), and the uri of digest credentials is part of their hash (RFC 7616 section 3.4).
var opaque = []string{"call-id", "i", "authorization", "proxy-authorization"}

var blankLine = []byte("\r\n\r\n")

// apply puts the other addresses into the head of a SIP message. Body, and so Content-Length, stay as they are; what has
// no blank line is no message and stays, too. It returns the datagram itself where there is nothing to replace.
func (s swaps) apply(datagram []byte) []byte {
	head, _, found := bytes.Cut(datagram, blankLine)
	if !found || !s.mentioned(head) {
		return datagram
	}
	out := make([]byte, 0, len(datagram)+64)
	kept := false
	for len(head) > 0 {
		end := bytes.IndexByte(head, '\n') + 1
		if end == 0 {
			end = len(head)
		}
		line := head[:end]
		head = head[end:]
		if line[0] != ' ' && line[0] != '\t' { // else the line before goes on (section 7.3.1)
			kept = isOpaque(line)
		}
		if kept {
			out = append(out, line...)
		} else {
			out = s.line(out, line)
		}
	}
	return append(out, datagram[bytes.Index(datagram, blankLine):]...)
}

// mentioned tells whether there may be work to do.
func (s swaps) mentioned(head []byte) bool {
	for _, w := range s {
		if bytes.Contains(head, []byte(w.from)) {
			return true
		}
	}
	return false
}

// line appends one line with its replacements to out.
func (s swaps) line(out, line []byte) []byte {
	for i := 0; i < len(line); {
		w, ok := s.at(line, i)
		if !ok {
			out = append(out, line[i])
			i++
			continue
		}
		out = append(out, w.to...)
		i += len(w.from)
	}
	return out
}

// at finds the replacement of the whole address that begins at line[i]: 127.0.0.1:506 does not begin 127.0.0.1:5060.
func (s swaps) at(line []byte, i int) (swap, bool) {
	if i > 0 && (alphanumeric(line[i-1]) || bytes.IndexByte([]byte(".-_"), line[i-1]) >= 0) {
		return swap{}, false
	}
	for _, w := range s {
		rest, ok := bytes.CutPrefix(line[i:], []byte(w.from))
		if ok && (len(rest) == 0 || !alphanumeric(rest[0])) {
			return w, true
		}
	}
	return swap{}, false
}

func isOpaque(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	for _, o := range opaque {
		if bytes.EqualFold(name, []byte(o)) {
			return true
		}
	}
	return false
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
