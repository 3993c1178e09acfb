package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"

	"github.com/avanak/avanak"
)

// KeyPrefix is the prefix of the ids of API keys.
const KeyPrefix = "key_"

// The text of an API key, 95 characters: "avk_live_", 26 of the key's id, "_", 52 of the secret (256 bits), 7 of a CRC-32 of
// all that precedes. The prefix lets secret scanners find a leaked key; the sum lets them, and us, tell a mistyped or made-up
// key from a real one without asking Redis.
const (
	secretPrefix = "avk_live_"
	idChars      = 26
	secretChars  = 52
	sumChars     = 7
	secretStart  = len(secretPrefix) + idChars + 1
	sumStart     = secretStart + secretChars
	presentedLen = sumStart + sumChars
)

// secretText is Crockford's base 32 in lower case, the alphabet of our ids.
var secretText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newPresented makes the text of a new API key for this key id.
func newPresented(id string) string {
	var secret [32]byte
	// crypto/rand.Read never fails on the systems that Go supports (it ends the process instead).
	_, _ = rand.Read(secret[:])
	s := secretPrefix + id[len(KeyPrefix):] + "_" + secretText.EncodeToString(secret[:])
	return s + checksum(s)
}

func checksum(s string) string {
	return secretText.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}

// splitPresented takes the text of an API key apart; ok is false where it cannot be one of ours.
func splitPresented(s string) (id, secret string, ok bool) {
	if len(s) != presentedLen || s[:len(secretPrefix)] != secretPrefix || s[secretStart-1] != '_' {
		return "", "", false
	}
	if checksum(s[:sumStart]) != s[sumStart:] {
		return "", "", false
	}
	id, secret = KeyPrefix+s[len(secretPrefix):secretStart-1], s[secretStart:sumStart]
	if _, err := secretText.DecodeString(secret); err != nil {
		return "", "", false
	}
	return id, secret, avanak.ValidID(KeyPrefix, id)
}

// digest is what is stored of a secret. The secret has 256 random bits, so that a fast hash is safe.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
