package digest

import "strings"

// Bounds of what a response may ask with. What is echoed travels in each of our requests, by UDP in one datagram.
const (
	maxValue      = 4096 // bytes of one header value
	maxChallenges = 16   // in one response, all headers and schemes together
	maxParams     = 24   // of one challenge
	maxNonce      = 512  // bytes
	maxOpaque     = 512  // bytes
)

// The qop values that we know (RFC 7616 section 3.3).
const (
	qopNone = "" // the form of RFC 2069: no nonce count, no cnonce
	qopAuth = "auth"
	qopInt  = "auth-int"
)

// challenge is one Digest challenge, well-formed and with its quotes and escapes taken off.
type challenge struct {
	realm, nonce string
	opaque       *string   // nil where there is none; an empty one is echoed too
	algorithm    Algorithm // "" where it is unknown
	spelling     string    // of the algorithm, as the server wrote it; "" where it named none
	qop          string    // the one that we would use
	known        bool      // that qop
	stale        bool
}

// rank orders challenges by what we prefer: the stronger algorithm (RFC 8760 section 2.4 leaves it to local policy), then
// qop auth, auth-int, none.
func (c challenge) rank() int {
	const qops = 3
	n := c.algorithm.strength() * qops
	switch c.qop {
	case qopAuth:
		n += 2
	case qopInt:
		n++
	}
	return n
}

// usable tells whether the credentials may answer this challenge, its realm left aside.
func (c challenge) usable(by Credentials) bool { return c.known && by.permits(c.algorithm) }

// readChallenges reads all Digest challenges of a response. A value that is malformed says nothing, the others still
// hold. The error is ErrChallenge where nothing could be read and ErrAlgorithm where only other schemes ask.
func readChallenges(values []string) ([]challenge, error) {
	var (
		read   []challenge
		others bool
	)
	if len(values) > maxChallenges {
		return nil, ErrChallenge
	}
	for _, v := range values {
		offers, ok := readOffers(v)
		if !ok {
			continue
		}
		for _, o := range offers {
			if !strings.EqualFold(o.scheme, "Digest") {
				others = true
				continue
			}
			if c, ok := o.challenge(); ok {
				read = append(read, c)
			}
		}
	}
	switch {
	case len(read) > maxChallenges:
		return nil, ErrChallenge
	case len(read) == 0 && others:
		return nil, ErrAlgorithm
	case len(read) == 0:
		return nil, ErrChallenge
	}
	return read, nil
}

// challenge makes sense of a Digest offer's parameters; false where it is malformed.
func (o offer) challenge() (challenge, bool) {
	c := challenge{realm: o.params["realm"], nonce: o.params["nonce"], spelling: o.params["algorithm"],
		stale: strings.EqualFold(o.params["stale"], "true")}
	c.algorithm = algorithmOf(c.spelling)
	c.qop, c.known = chooseQOP(o.params["qop"])
	if opaque, ok := o.params["opaque"]; ok {
		c.opaque = &opaque
		if len(opaque) > maxOpaque {
			return challenge{}, false
		}
	}
	if c.realm == "" || len(c.realm) > maxRealm || c.nonce == "" || len(c.nonce) > maxNonce {
		return challenge{}, false
	}
	return c, true
}

// chooseQOP picks the qop of a list; false where it holds only others. An empty list is none: some servers send it.
func chooseQOP(list string) (qop string, known bool) {
	empty := true
	for q := range strings.SplitSeq(list, ",") {
		switch q = strings.ToLower(strings.Trim(q, " \t")); q {
		case qopAuth:
			return qopAuth, true
		case qopInt:
			qop, known = qopInt, true
		}
		empty = empty && q == ""
	}
	if empty {
		return qopNone, true
	}
	return qop, known
}
