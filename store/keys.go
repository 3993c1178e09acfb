package store

import (
	"strconv"

	"github.com/avanak/avanak"
)

// The keys of this package. The braces are Redis Cluster hash tags: keys of one family share a slot, so that a script may
// touch several of them.
//
//	avk:{meta}                hash    schema, partitions: the layout, written once by Prepare
//	avk:{clip}:<clip id>      string  JSON of clipRecord
//	avk:{clip}:by:<tenant>    zset    index of a tenant's clips by age: score 0, member <created ms, 16 hex digits><clip id>
//	avk:{key}:<key id>        string  JSON of keyRecord
//	avk:{key}:operator        hash    <host>:<path of the key file> → id of the key that was minted for it
//	avk:{sup<k>}              set     suppressed numbers with number % 64 == k, in decimal (an intset while small)
//
// Package queue has the rest of the prefix "avk:".
const (
	prefix      = "avk:"
	metaKey     = prefix + "{meta}"
	operatorKey = prefix + "{key}:operator"
)

// supShards is the number of suppression sets; it is part of the schema.
const supShards = 64

func clipKey(id string) string { return prefix + "{clip}:" + id }

func clipIndexKey(tenant string) string { return prefix + "{clip}:by:" + tenant }

func apiKeyKey(id string) string { return prefix + "{key}:" + id }

func supKey(shard int) string { return prefix + "{sup" + strconv.Itoa(shard) + "}" }

// supShard returns the set that holds a number.
func supShard(n avanak.Number) int { return int(n % supShards) } //nolint:gosec // below supShards

// validTenant tells whether a tenant's name may become part of a key: 1 to 64 of a-z, A-Z, 0-9, dot, dash, underscore.
func validTenant(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
