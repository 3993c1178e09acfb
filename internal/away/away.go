package away

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// replies are the first words of replies by which a server says that it cannot serve now; any other error reply means that
// we, or somebody else, wrote something wrong.
var replies = []string{"LOADING", "OOM", "READONLY", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS",
	"BUSY", "NOAUTH", "WRONGPASS", "NOPERM", "ERR max number of clients"}

// Is tells whether err, which came from the Redis client, means "not now". A caller's own cancellation does not; an error
// that is no reply of the server (a lost connection, a timeout, a closed or exhausted pool) does.
func Is(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		return true
	}
	text := reply.Error()
	for _, word := range replies {
		if strings.HasPrefix(text, word) {
			return true
		}
	}
	return false
}
