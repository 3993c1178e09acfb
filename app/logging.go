package app

import (
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
