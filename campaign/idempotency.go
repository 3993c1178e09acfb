package campaign

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/avanak/avanak"
)

// maxKey is the longest Idempotency-Key, bytes.
const maxKey = 255

// identify returns the id of the thing that a request makes: a new one, or with an Idempotency-Key the one that belongs to
// tenant and key, so that a repeat finds what the first request made.
func identify(prefix, tenant, key string, now time.Time) (string, error) {
	if key == "" {
		return avanak.NewID(prefix, now), nil
	}
	if len(key) > maxKey {
		return "", fmt.Errorf("%w: an idempotency key has at most %d bytes", avanak.ErrInvalid, maxKey)
	}
	for i := range len(key) {
		if key[i] < 0x20 || key[i] > 0x7e {
			return "", fmt.Errorf("%w: an idempotency key holds printable ASCII only", avanak.ErrInvalid)
		}
	}
	// Each part goes in behind its length, so that no two triples run together.
	h := sha256.New()
	for _, part := range []string{prefix, tenant, key} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		_, _ = h.Write(size[:])
		_, _ = h.Write([]byte(part))
	}
	return avanak.DerivedID(prefix, h.Sum(nil)), nil
}

// fingerprint digests a request as it was given, before defaults, so that a repeat is recognised after an upgrade that
// changed a default. Instants and ids are not part of a request. Fields that are left out leave no trace (omitzero), so
// that a field added later does not change the fingerprints of requests without it.
func fingerprint(request any) (string, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return "", fmt.Errorf("encode request: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
