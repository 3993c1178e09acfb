package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// limits bounds what a request may cost: bytes of its body, and time for all of it (0: no limit, for answers that are streamed).
func (s *Server) limits(bytes int64, within time.Duration) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		if r.ContentLength > bytes {
			s.refuse(w, r, &http.MaxBytesError{Limit: bytes})
			return
		}
		if c := r.Header.Get("Content-Encoding"); c != "" && !strings.EqualFold(c, "identity") {
			s.refuse(w, r, unsupportedMedia.problem("send the body without Content-Encoding"))
			return
		}
		var until time.Time
		if within > 0 {
			until = time.Now().Add(within)
			ctx, cancel := context.WithDeadline(hc.Context(), until)
			defer cancel()
			hc = huma.WithContext(hc, ctx)
		}
		if r.Body != nil && r.Body != http.NoBody {
			// MaxBytesReader wants net/http's own writer: that one closes the connection when the limit is passed.
			limited := http.MaxBytesReader(visitOf(r.Context()).answer.ResponseWriter, r.Body, bytes)
			r.Body = &body{from: limited, conn: http.NewResponseController(w), patience: s.cfg.Patience, until: until}
		}
		next(hc)
	}
}

// body is a request's body with a limit on the client's silence and on the time for all of it. Its errors are problems, so
// that whoever reads may wrap them.
type body struct {
	from     io.ReadCloser
	conn     *http.ResponseController
	patience time.Duration
	until    time.Time // zero: no limit
	ended    bool
}

// Read reads, and waits no longer than patience.
func (b *body) Read(p []byte) (int, error) {
	if b.ended {
		// net/http watches the connection by now: a deadline that passes would look like a client that has gone.
		return 0, io.EOF
	}
	deadline := time.Now().Add(b.patience)
	if !b.until.IsZero() && b.until.Before(deadline) {
		deadline = b.until
	}
	_ = b.conn.SetReadDeadline(deadline) // an in-process test's writer has no deadlines
	n, err := b.from.Read(p)
	var late interface{ Timeout() bool }
	_, tooBig := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.ended = true // net/http has taken the deadline away
	case tooBig:
	case errors.As(err, &late) && late.Timeout():
		err = timeout.problem("the body came too slowly").with("Connection", "close")
	default:
		p := invalidRequest.problem("the body broke off").with("Connection", "close")
		p.Status, p.cause = http.StatusBadRequest, err
		err = p
	}
	return n, err
}

// Close closes the body.
func (b *body) Close() error { return b.from.Close() }
