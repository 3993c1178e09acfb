package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/avanak/avanak/config"
)

// newLogger makes the one logger that all parts share.
func newLogger(cfg config.Log, out io.Writer) *slog.Logger {
	if out == nil {
		out = os.Stderr
	}
	options := &slog.HandlerOptions{Level: cfg.SlogLevel()}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// redisLog sends what the Redis client has to say (lost connections, mostly) to our logger: the parts that were refused
// report it themselves, so it is for those who look closely.
type redisLog struct{ log *slog.Logger }

// Printf is the client's way to log.
func (r redisLog) Printf(ctx context.Context, format string, v ...any) {
	r.log.DebugContext(ctx, "redis client", "said", fmt.Sprintf(format, v...))
}
