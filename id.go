package avanak

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"time"
)

// Partitions is the number of hash-tag partitions that campaigns, fast messages and event streams are spread over.
// It is fixed for the life of a store: ids map to partitions by hash.
const Partitions = 64

// idText is Crockford's base 32 in lower case: no letter that can be misread for a digit.
var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Prefixes of ids, so that an id says what it names.
const (
	CampaignPrefix = "cmp_"
	MessagePrefix  = "msg_"
	ClipPrefix     = "clp_"
)

// NewID returns prefix + 26 characters: 48 bits of milliseconds (ids sort by age) and 80 random bits.
func NewID(prefix string, now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16) //nolint:gosec // times before 1970 do not occur
	// crypto/rand.Read never fails on the systems that Go supports (it ends the process instead).
	_, _ = rand.Read(b[6:])
	return prefix + idText.EncodeToString(b[:])
}

// DerivedID returns the id that belongs to a digest of at least 16 bytes: the same digest gives the same id, so that a
// repeated request with the same Idempotency-Key names the thing that the first one made.
func DerivedID(prefix string, digest []byte) string {
	return prefix + idText.EncodeToString(digest[:16])
}

// ValidID tells whether s has the shape of an id with this prefix. Only such ids become parts of Redis keys and paths.
func ValidID(prefix, s string) bool {
	if len(s) != len(prefix)+26 || s[:len(prefix)] != prefix {
		return false
	}
	_, err := idText.DecodeString(s[len(prefix):])
	return err == nil
}

// PartitionOf returns the partition of an id, 0 ≤ p < Partitions.
func PartitionOf(id string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int(h.Sum32() % Partitions)
}

// CallID returns the SIP Call-ID of one attempt's first leg: derived from the campaign (or fast message), ordinal and attempt, so
// that the carrier's log and our records join exactly, and a repeated INVITE after a crash is recognisable.
func CallID(id string, ordinal uint32, attempt int) string {
	return id + "-" + strconv.FormatUint(uint64(ordinal), 10) + "-" + strconv.Itoa(attempt)
}

// LegCallID returns the SIP Call-ID of one leg of an attempt: CallID for the first, which is 1, and with a suffix for each
// further one, so that no Call-ID is used twice and all legs of an attempt are found together.
func LegCallID(id string, ordinal uint32, attempt, leg int) string {
	if leg <= 1 {
		return CallID(id, ordinal, attempt)
	}
	return CallID(id, ordinal, attempt) + "-l" + strconv.Itoa(leg)
}
