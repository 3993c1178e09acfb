package siptest

import (
	"crypto/md5" //nolint:gosec // RFC 2617 digest, which carriers still speak; nothing is protected by it here
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

const realm = "siptest"

// guard is the farm's side of digest authentication (RFC 7616): one nonce for the farm's life, with the counts that it was
// used with, so that an answer that is played back is none.
type guard struct {
	nonce string
	used  map[uint64]bool // nonce counts
}

// challengeLine asks for credentials; stale says that the answer was right, and its nonce count used before.
func (g *guard) challengeLine(sha, stale bool) string {
	line := `Proxy-Authenticate: Digest realm="` + realm + `", nonce="` + g.nonce + `", algorithm=` + algorithm(sha) + `, qop="auth"`
	if stale {
		line += ", stale=true"
	}
	return line
}

func algorithm(sha bool) string {
	if sha {
		return "SHA-256"
	}
	return "MD5"
}

// authorized checks the digest credentials of an INVITE (RFC 2617 §3.2.2, RFC 7616 §3.4). stale tells that nothing is wrong
// with them but that their nonce count was used before.
func (g *guard) authorized(m *message, password string, sha bool) (ok, stale bool) {
	kind, rest, _ := strings.Cut(m.value("proxy-authorization"), " ")
	if !strings.EqualFold(kind, "Digest") {
		return false, false
	}
	p := map[string]string{}
	for _, part := range splitList(rest) {
		name, value, _ := strings.Cut(part, "=")
		p[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	if p["nonce"] != g.nonce || p["realm"] != realm || p["response"] == "" || p["algorithm"] != "" && p["algorithm"] != algorithm(sha) {
		return false, false
	}
	hash := digest
	if sha {
		hash = digest256
	}
	secret, what := hash(p["username"], realm, password), hash(m.method, p["uri"])
	if p["qop"] != "auth" { // no count: it may be played back, as RFC 2069 had it
		return p["response"] == hash(secret, g.nonce, what), false
	}
	if p["response"] != hash(secret, g.nonce, p["nc"], p["cnonce"], "auth", what) {
		return false, false
	}
	count, err := strconv.ParseUint(p["nc"], 16, 32)
	if err != nil || len(p["nc"]) != 8 {
		return false, false
	}
	if g.used[count] { // counts may overtake each other on their way
		return false, true
	}
	g.used[count] = true
	return true, false
}

func digest(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":"))) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

func digest256(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}
