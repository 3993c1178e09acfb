package siptest

import (
	"crypto/md5" //nolint:gosec // RFC 2617 digest, which carriers still speak; nothing is protected by it here
	"encoding/hex"
	"strings"
)

const realm = "siptest"

func challengeLine(nonce string) string {
	return `Proxy-Authenticate: Digest realm="` + realm + `", nonce="` + nonce + `", algorithm=MD5, qop="auth"`
}

// authorized checks the digest credentials of an INVITE (RFC 2617 §3.2.2).
func authorized(m *message, nonce, password string) bool {
	kind, rest, _ := strings.Cut(m.value("proxy-authorization"), " ")
	if !strings.EqualFold(kind, "Digest") {
		return false
	}
	p := map[string]string{}
	for _, part := range splitList(rest) {
		name, value, _ := strings.Cut(part, "=")
		p[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	if p["nonce"] != nonce || p["realm"] != realm || p["response"] == "" {
		return false
	}
	secret := digest(p["username"], realm, password)
	what := digest(m.method, p["uri"])
	if p["qop"] == "auth" {
		return p["response"] == digest(secret, nonce, p["nc"], p["cnonce"], "auth", what)
	}
	return p["response"] == digest(secret, nonce, what)
}

func digest(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":"))) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}
