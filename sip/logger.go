package sip

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// libraryPause is the least time between two lines that we let the library write: hostile datagrams must not flood the log.
const libraryPause = 10 * time.Second

// libraryLog is the slog.Handler that sipgo gets. sipgo logs whole messages, with the numbers of people, as attributes of
// its warnings and errors; its message texts are constant. So attributes are dropped, every line is counted, and one
// line in libraryPause is passed on as a warning.
type libraryLog struct {
	log   *slog.Logger
	count prometheus.Counter
	gate  *logGate
}

type logGate struct {
	mu      sync.Mutex
	next    time.Time // guarded by mu
	skipped int       // guarded by mu
}

func newLibraryLogger(log *slog.Logger, count prometheus.Counter) *slog.Logger {
	return slog.New(libraryLog{log: log, count: count, gate: new(logGate)})
}

// Enabled lets warnings and errors through.
func (h libraryLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle counts the record and passes its text on, at most one in libraryPause.
func (h libraryLog) Handle(ctx context.Context, r slog.Record) error {
	h.count.Inc()
	skipped, pass := h.gate.pass(r.Time)
	if pass {
		h.log.LogAttrs(ctx, slog.LevelWarn, "sip library", slog.String("text", r.Message), slog.Int("skipped", skipped))
	}
	return nil
}

// WithAttrs drops the attributes.
func (h libraryLog) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup drops the group.
func (h libraryLog) WithGroup(string) slog.Handler { return h }

func (g *logGate) pass(now time.Time) (skipped int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.next) {
		g.skipped++
		return 0, false
	}
	skipped, g.skipped = g.skipped, 0
	g.next = now.Add(libraryPause)
	return skipped, true
}
