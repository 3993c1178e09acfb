package digest

import (
	"fmt"
	"strings"
)

// Header is one header of a request: "Authorization" or "Proxy-Authorization".
type Header struct{ Name, Value string }

// Exchange is one request and its retries. It belongs to one goroutine. The rule by which it judges refusals is in the
// package's documentation.
type Exchange struct {
	answerer *Answerer
	class    class         // of the last request
	own      [kinds]*grant // the last challenge of this exchange
	sent     [kinds]*grant // what the last request carried
	stale    [kinds]bool   // a stale answer of ours was forgiven
}

// Challenged takes in a 401 or a 407, with the raw values of its WWW-Authenticate or Proxy-Authenticate headers. nil
// means: send the request once more, Authorize has an answer now. Else the request has failed; the error wraps
// ErrRejected, ErrStale, ErrRealm, ErrAlgorithm, ErrChallenge or ErrNoCredentials.
func (x *Exchange) Challenged(status int, values []string) error {
	if err := x.challenged(status, values); err != nil {
		return fmt.Errorf("answer %d: %w", status, err)
	}
	return nil
}

func (x *Exchange) challenged(status int, values []string) error {
	k, ok := kindOf(status)
	if !ok {
		return ErrChallenge
	}
	if refused := x.sent[k]; refused != nil {
		x.answerer.forget(refused)
	}
	if x.answerer.credentials.Username == "" {
		return ErrNoCredentials
	}
	if x.own[k] != nil && len(values) == 0 {
		return ErrRejected // a plain refusal of our answer
	}
	offers, err := readChallenges(values)
	if err != nil {
		return err
	}
	g, err := x.answerer.admit(offers)
	if err != nil {
		return err
	}
	if x.own[k] != nil { // what was refused is our answer to a challenge of this very exchange
		switch {
		case !g.stale:
			return ErrRejected
		case x.stale[k]:
			return ErrStale
		}
		x.stale[k] = true
	}
	x.own[k] = g
	return nil
}

// Authorize writes the credentials for the request about to be sent, as far as nonces are known: those of the exchange's
// own challenges, else those that other exchanges left. Each call takes a new nonce count and cnonce, so it is called once
// for each request, but never for an ACK, which repeats the headers of its INVITE, nor for a CANCEL, which is never
// challenged (RFC 3261 section 22.1). uri is the Request-URI exactly as it is sent; body is hashed only where the server insists.
func (x *Exchange) Authorize(method, uri string, body []byte) []Header {
	c := x.answerer.credentials
	if !oneLine(uri) || !oneLine(c.Username) {
		return nil // nothing that we write may begin a header of its own
	}
	x.class = classOf(method)
	var headers []Header
	for k := range kinds {
		g, nc := x.answerer.take(x.own[k], k, x.class)
		if x.sent[k] = g; g == nil {
			continue
		}
		r := request{method: method, uri: uri, body: body, nc: fmt.Sprintf("%08x", nc), cnonce: x.answerer.cnonce()}
		headers = append(headers, Header{k.header(), g.answer(*c, r)})
	}
	return headers
}

// Accepted says that the last request met with something else than a challenge (100 aside, which the next hop sends before
// it looks): its nonces are good and serve the exchanges to come. Saying so again does nothing.
func (x *Exchange) Accepted() {
	for k, g := range x.own {
		if g != nil && g == x.sent[k] {
			x.answerer.share(g, kind(k), x.class)
		}
	}
}

// request is what an answer is bound to.
type request struct {
	method, uri string
	body        []byte
	nc, cnonce  string
}

// answer writes the value of the header (RFC 7616 section 3.4). We do it ourselves: icholy/digest 1.2.0 reads one
// challenge for each header and the names of its parameters in lower case only, stumbles over a blank in a list of qop, and
// quotes by Go's rules, so that a realm with a letter outside of ASCII may come back as another one.
func (c challenge) answer(by Credentials, r request) string {
	var b strings.Builder
	b.WriteString("Digest username=" + quoted(by.Username) + ", realm=" + quoted(c.realm) + ", nonce=" + quoted(c.nonce) +
		", uri=" + quoted(r.uri))
	if c.spelling != "" {
		b.WriteString(", algorithm=" + c.spelling) // as the server spells it, which may compare it so
	}
	if c.qop != qopNone {
		b.WriteString(", cnonce=" + quoted(r.cnonce))
	}
	if c.opaque != nil {
		b.WriteString(", opaque=" + quoted(*c.opaque))
	}
	if c.qop != qopNone {
		b.WriteString(", qop=" + c.qop + ", nc=" + r.nc)
	}
	// Last, where some servers look for it.
	b.WriteString(", response=" + quoted(c.response(by, r)))
	return b.String()
}

// response computes the request-digest (RFC 7616 section 3.4.1, RFC 2069 section 2.1.2 where there is no qop).
func (c challenge) response(by Credentials, r request) string {
	secret := c.algorithm.join(by.Username, c.realm, by.Password)
	switch c.qop {
	case qopAuth:
		return c.algorithm.join(secret, c.nonce, r.nc, r.cnonce, qopAuth, c.algorithm.join(r.method, r.uri))
	case qopInt:
		what := c.algorithm.join(r.method, r.uri, c.algorithm.sum(r.body))
		return c.algorithm.join(secret, c.nonce, r.nc, r.cnonce, qopInt, what)
	}
	return c.algorithm.join(secret, c.nonce, c.algorithm.join(r.method, r.uri))
}
