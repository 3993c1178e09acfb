package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// carrier is the server's side, written from the RFCs and without a line of the package: it reads with an expression of
// its own, computes by itself, and judges nonce counts.
type carrier struct {
	user, password, realm string
	algorithms            []string // challenged with, in this order
	qop                   string   // the parameter as written, with its comma in front; "" for the form of RFC 2069
	status                int      // 401 or 407
	ordered               bool     // a nonce count must be above the last, else it is stale; otherwise only unused
	once                  bool     // a nonce serves one request
	mute                  bool     // never says stale

	mu      sync.Mutex
	issued  int
	counts  map[string]map[uint64]bool // guarded by mu; per nonce, those that were used
	last    map[string]uint64          // guarded by mu
	expired map[string]bool            // guarded by mu
	replays int                        // guarded by mu; nonce counts that came twice
	wrong   int                        // guarded by mu; responses that do not fit
	asked   int                        // guarded by mu; requests in all
}

var parameter = regexp.MustCompile(`([a-z]+)=("((?:[^"\\]|\\.)*)"|[A-Za-z0-9-]+)(, |$)`)

// fields takes a credentials value apart; false where anything is left over.
func fields(value string) (map[string]string, bool) {
	rest, ok := strings.CutPrefix(value, "Digest ")
	found := map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(rest, -1) {
		text := m[2]
		if text[0] == '"' {
			text = regexp.MustCompile(`\\(.)`).ReplaceAllString(m[3], "$1")
		}
		if _, twice := found[m[1]]; twice {
			return nil, false
		}
		found[m[1]] = text
		rest = strings.Replace(rest, m[0], "", 1)
	}
	return found, ok && rest == ""
}

func hash(algorithm, s string) string {
	switch algorithm {
	case "", "MD5":
		return fmt.Sprintf("%x", md5.Sum([]byte(s)))
	case "SHA-256":
		return fmt.Sprintf("%x", sha256.Sum256([]byte(s)))
	case "SHA-512-256":
		return fmt.Sprintf("%x", sha512.Sum512_256([]byte(s)))
	}
	panic(algorithm)
}

// fits tells whether the response in f is the one of RFC 7616 section 3.4.1.
func fits(f map[string]string, method, body, user, realm, password string) bool {
	h := func(s string) string { return hash(f["algorithm"], s) }
	a1, a2 := user+":"+realm+":"+password, method+":"+f["uri"]
	middle := f["nonce"]
	switch f["qop"] {
	case "auth-int":
		a2 += ":" + h(body)
		fallthrough
	case "auth":
		middle += ":" + f["nc"] + ":" + f["cnonce"] + ":" + f["qop"]
	case "":
		if f["nc"]+f["cnonce"] != "" {
			return false
		}
	}
	return f["response"] == h(h(a1)+":"+middle+":"+h(a2))
}

// answers takes a request: nil where it is let in, else the values of the challenge.
func (c *carrier) answers(method, uri, body string, headers []Header) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	name := map[int]string{401: "Authorization", 407: "Proxy-Authorization"}[c.status]
	stale := false
	for _, h := range headers {
		if h.Name != name {
			continue
		}
		f, ok := fields(h.Value)
		if !ok || f["uri"] != uri || f["username"] != c.user || f["realm"] != c.realm ||
			!fits(f, method, body, c.user, c.realm, c.password) {
			c.wrong++
			return c.challenge(false)
		}
		if stale = !c.fresh(f); !stale {
			return nil
		}
	}
	return c.challenge(stale && !c.mute)
}

// fresh judges nonce and nonce count.
func (c *carrier) fresh(f map[string]string) bool {
	nonce := f["nonce"]
	if c.counts[nonce] == nil || c.expired[nonce] {
		return false
	}
	if f["qop"] == "" {
		return true
	}
	nc, err := strconv.ParseUint(f["nc"], 16, 32)
	if err != nil || len(f["nc"]) != 8 || nc == 0 {
		return false
	}
	if c.counts[nonce][nc] {
		c.replays++
		return false
	}
	late := c.ordered && nc <= c.last[nonce] || c.once && len(c.counts[nonce]) > 0
	c.counts[nonce][nc] = true
	c.last[nonce] = max(nc, c.last[nonce])
	return !late
}

func (c *carrier) challenge(stale bool) []string {
	c.issued++
	nonce := fmt.Sprintf("nonce/%d==", c.issued)
	if c.counts == nil {
		c.counts, c.last, c.expired = map[string]map[uint64]bool{}, map[string]uint64{}, map[string]bool{}
	}
	c.counts[nonce] = map[uint64]bool{}
	var values []string
	for _, a := range c.algorithms {
		v := `Digest realm="` + c.realm + `", nonce="` + nonce + `", opaque="o", algorithm=` + a + c.qop
		if stale {
			v += ", stale=TRUE"
		}
		values = append(values, v)
	}
	return values
}

// expire makes all nonces stale.
func (c *carrier) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for nonce := range c.counts {
		c.expired[nonce] = true
	}
}

// place sends one request until it is let in or failed, as sip does, and tells how many requests with credentials, and
// how many without, it took.
func place(a *Answerer, c *carrier, method, uri, body string) (with, without int, err error) {
	x := a.Exchange()
	for {
		headers := x.Authorize(method, uri, []byte(body))
		if len(headers) > 0 {
			with++
		} else {
			without++
		}
		values := c.answers(method, uri, body, headers)
		if values == nil {
			x.Accepted()
			return with, without, nil
		}
		if err := x.Challenged(c.status, values); err != nil {
			return with, without, err
		}
		if with+without > 10 {
			return with, without, fmt.Errorf("no end after %d requests", with+without)
		}
	}
}
