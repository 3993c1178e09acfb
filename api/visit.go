package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/avanak/avanak"
)

// visit is one request on its way through the server.
type visit struct {
	id        string // X-Request-Id
	route     string // pattern of the path, "" where none matched
	started   time.Time
	principal Principal
	answer    *answer
	cause     error // of a refusal, where it may be our fault
}

type visitKey struct{}

// visitOf returns the visit that ServeHTTP has put into every request's context.
func visitOf(ctx context.Context) *visit {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		return &visit{}
	}
	return v
}

// begin opens the visit and sets the headers of every answer.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) (*visit, *http.Request) {
	v := &visit{id: avanak.NewID("req_", s.now()), started: time.Now(),
		answer: &answer{ResponseWriter: w, conn: http.NewResponseController(w), patience: s.cfg.Patience}}
	h := w.Header()
	h.Set("X-Request-Id", v.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if r.Body != nil && r.Body != http.NoBody {
		// net/http reads on a little before it sends a refusal: not for ever, where the client sends nothing, and not for as long
		// as the client is given to read the refusal.
		_ = v.answer.conn.SetReadDeadline(time.Now().Add(s.cfg.Patience / 2)) // an in-process test's writer has no deadlines
	}
	return v, r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// end closes the visit: one log line, the metrics, and whatever a handler's panic left to do. It must be deferred.
func (s *Server) end(v *visit, r *http.Request) {
	thrown := recover()
	abort := thrown != nil
	switch {
	case thrown == nil:
	case thrown == any(http.ErrAbortHandler), v.answer.broken != nil:
		v.answer.status = statusGone // the answer did not reach the client in full
	default:
		v.cause = fmt.Errorf("panic: %v\n%s", thrown, debug.Stack())
		if v.answer.status == 0 {
			abort = false
			writeProblem(v.answer, internal.problem("the fault is ours; please name the X-Request-Id of this answer when you report it"))
		} else {
			v.answer.status = http.StatusInternalServerError
		}
	}
	s.record(v, r)
	if abort {
		// net/http's documented way to end an answer that cannot be completed: the client must not take it for whole.
		panic(http.ErrAbortHandler)
	}
}

// record writes the visit's log line and metrics.
func (s *Server) record(v *visit, r *http.Request) {
	status := v.answer.status
	if status == 0 {
		status = http.StatusOK
	}
	route, method := v.route, r.Method
	if route == "" {
		route = "unmatched"
	}
	if !knownMethods[method] {
		method = "other"
	}
	took := time.Since(v.started)
	s.metrics.observe(route, method, status, took)
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	case route == healthPath || route == readyPath:
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{slog.String("request", v.id), slog.String("method", method), slog.String("route", route),
		slog.Int("status", status), slog.Duration("duration", took), slog.String("tenant", v.principal.Tenant)}
	if v.cause != nil && level == slog.LevelError {
		attrs = append(attrs, slog.String("err", masked(v.cause.Error())))
	}
	// The client may have gone, and its context with it; the line is written all the same.
	s.log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

var knownMethods = map[string]bool{http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true,
	http.MethodPatch: true, http.MethodDelete: true, http.MethodOptions: true}

// answer notes what becomes of an answer, and gives up on a client that does not read.
type answer struct {
	http.ResponseWriter
	conn     *http.ResponseController
	patience time.Duration
	status   int   // 0 until the header is written
	broken   error // the first write that did not reach the client
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader writes the header once.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write writes, and waits no longer than patience.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.extend()
	n, err := a.ResponseWriter.Write(p)
	if err != nil && a.broken == nil {
		a.broken = err
	}
	return n, err
}

// extend gives the client its full time to read what comes next.
func (a *answer) extend() {
	_ = a.conn.SetWriteDeadline(time.Now().Add(a.patience)) // an in-process test's writer has no deadlines
}

// flush sends what is buffered.
func (a *answer) flush() error {
	a.extend()
	err := a.conn.Flush()
	if err != nil && a.broken == nil {
		a.broken = err
	}
	return err
}
