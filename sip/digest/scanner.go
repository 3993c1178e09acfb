package digest

import "strings"

// offer is one challenge of any scheme, with its parameters by their names in lower case.
type offer struct {
	scheme string
	params map[string]string
}

// readOffers reads one value of WWW-Authenticate or Proxy-Authenticate: one challenge, or several as in RFC 7235 section
// 4.1, where commas divide parameters and challenges alike. It is false where the value is malformed or beyond our bounds.
func readOffers(value string) ([]offer, bool) {
	if len(value) > maxValue {
		return nil, false
	}
	var offers []offer
	s := scanner{rest: value}
	for s.skip(" \t\r\n,"); s.rest != ""; s.skip(" \t\r\n,") {
		name := s.token()
		spaced := s.skip(blanks)
		if name == "" {
			return nil, false
		}
		if !s.eat('=') { // a scheme, which has a blank behind it, or nothing at all
			if len(offers) == maxChallenges || !spaced && s.rest != "" && s.rest[0] != ',' {
				return nil, false
			}
			offers = append(offers, offer{name, map[string]string{}})
			continue
		}
		s.skip(blanks)
		text, ok := s.text()
		s.skip(blanks)
		if !ok || len(offers) == 0 || s.rest != "" && s.rest[0] != ',' || !offers[len(offers)-1].add(name, text) {
			return nil, false
		}
	}
	return offers, true
}

// add is false where the parameter is there already (RFC 7616 section 3.3 permits each once) or is one too many.
func (o offer) add(name, text string) bool {
	name = strings.ToLower(name)
	if _, twice := o.params[name]; twice || len(o.params) == maxParams {
		return false
	}
	o.params[name] = text
	return true
}

// blanks are the white space of a header value, folded lines included.
const blanks = " \t\r\n"

// scanner walks through a header value.
type scanner struct{ rest string }

// skip passes over leading characters of a set and tells whether there were any.
func (s *scanner) skip(set string) bool {
	rest := strings.TrimLeft(s.rest, set)
	moved := len(rest) < len(s.rest)
	s.rest = rest
	return moved
}

func (s *scanner) eat(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// token reads a token of RFC 3261 section 25.1, or "".
func (s *scanner) token() string {
	end := strings.IndexFunc(s.rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-.!%*_+`'~", r)
	})
	if end < 0 {
		end = len(s.rest)
	}
	token := s.rest[:end]
	s.rest = s.rest[end:]
	return token
}

// text reads a token or a quoted string, and takes quotes and escapes off. A control character is malformed, escaped or
// not: what we echo must stay one line.
func (s *scanner) text() (string, bool) {
	if !s.eat('"') {
		token := s.token()
		return token, token != ""
	}
	var b strings.Builder
	for escaped := false; s.rest != ""; {
		c := s.rest[0]
		s.rest = s.rest[1:]
		switch {
		case control(c):
			return "", false
		case escaped:
			b.WriteByte(c)
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			return b.String(), true
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// control tells ASCII's control characters.
func control(c byte) bool { return c < ' ' || c == 0x7f }

// oneLine tells whether s holds no control characters.
func oneLine(s string) bool {
	for i := range len(s) {
		if control(s[i]) {
			return false
		}
	}
	return true
}

// quoted writes s as a quoted string (RFC 3261 section 25.1).
func quoted(s string) string { return `"` + escaper.Replace(s) + `"` }

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
