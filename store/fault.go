package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/avanak/avanak"
)

// awayReplies are the first words of replies by which a server says that it cannot serve now; any other error reply means
// that we, or somebody else, wrote something wrong.
var awayReplies = []string{"LOADING", "OOM", "READONLY", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS",
	"BUSY", "NOAUTH", "WRONGPASS", "NOPERM", "ERR max number of clients"}

// redisFault adds the operation to an error of Redis, and avanak.ErrUnavailable where the server is away, does not answer in
// time, or answers that it cannot serve. A caller's own cancellation, and what has been judged before, stay what they are.
func redisFault(op string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, avanak.ErrUnavailable) || errors.Is(err, avanak.ErrConflict) {
		return fmt.Errorf("%s: %w", op, err)
	}
	if reply, ok := errors.AsType[redis.Error](err); ok {
		text := reply.Error()
		for _, word := range awayReplies {
			if strings.HasPrefix(text, word) {
				return fmt.Errorf("%s: %w: %w", op, avanak.ErrUnavailable, err)
			}
		}
		return fmt.Errorf("%s: %w", op, err)
	}
	return fmt.Errorf("%s: %w: %w", op, avanak.ErrUnavailable, err)
}
