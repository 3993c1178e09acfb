package digest

import (
	"crypto/md5" //nolint:gosec // carriers still ask for it; Credentials.Weakest shuts it out
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// Algorithm is a digest algorithm by its name in challenges (RFC 7616 section 6.1). Session variants ("-sess") and AKA
// (RFC 3310) are unknown to us.
type Algorithm string

// The algorithms, weakest first.
const (
	MD5       Algorithm = "MD5"
	SHA256    Algorithm = "SHA-256"
	SHA512256 Algorithm = "SHA-512-256"
)

// strength ranks algorithms; 0 means that the algorithm is unknown.
func (a Algorithm) strength() int {
	switch a {
	case MD5:
		return 1
	case SHA256:
		return 2
	case SHA512256:
		return 3
	}
	return 0
}

// algorithmOf finds an algorithm by its name in any case; "" where it is unknown. No name means MD5 (RFC 7616 section
// 3.3).
func algorithmOf(name string) Algorithm {
	if name == "" {
		return MD5
	}
	for _, a := range []Algorithm{MD5, SHA256, SHA512256} {
		if strings.EqualFold(name, string(a)) {
			return a
		}
	}
	return ""
}

// sum is H of RFC 7616 section 3.3, as hex digits.
func (a Algorithm) sum(b []byte) string {
	switch a {
	case SHA256:
		h := sha256.Sum256(b)
		return hex.EncodeToString(h[:])
	case SHA512256:
		h := sha512.Sum512_256(b)
		return hex.EncodeToString(h[:])
	case MD5:
	}
	h := md5.Sum(b) //nolint:gosec // see the import
	return hex.EncodeToString(h[:])
}

// join is H of the parts with colons between them.
func (a Algorithm) join(parts ...string) string { return a.sum([]byte(strings.Join(parts, ":"))) }
