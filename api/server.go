package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
)

// Clips keeps uploaded clips: *store.Clips. Another tenant's clip is avanak.ErrNotFound.
type Clips interface {
	// Add stores a clip, or nothing of it. It fills in Size and SHA256 from the original.
	Add(ctx context.Context, clip avanak.Clip, original io.Reader, frames avanak.Frames) (avanak.Clip, error)
	Get(ctx context.Context, tenant, id string) (avanak.Clip, error)
	List(ctx context.Context, tenant, cursor string, limit int) (clips []avanak.Clip, next string, err error)
}

// Suppressions is the platform's list of numbers that must not be called: *store.Suppressions.
type Suppressions interface {
	Add(ctx context.Context, numbers ...avanak.Number) error
	Remove(ctx context.Context, numbers ...avanak.Number) error
	Has(ctx context.Context, n avanak.Number) (bool, error)
}

// Encode turns an upload into frames and tells how long it plays. An upload that is no usable audio gives an error that wraps
// avanak.ErrInvalid and says what is wrong and what to do about it; an error of the reader comes back wrapped.
type Encode func(upload io.Reader) (avanak.Frames, time.Duration, error)

// Parts is what the server stands on. All are needed.
type Parts struct {
	Campaigns    *campaign.Service
	Clips        Clips
	Suppressions Suppressions
	Verify       Verify
	Encode       Encode
	Ready        func(context.Context) Readiness
	Registerer   prometheus.Registerer
	Logger       *slog.Logger
}

func (p Parts) missing() string {
	for _, part := range []struct {
		name string
		gone bool
	}{{"campaigns", p.Campaigns == nil}, {"clips", p.Clips == nil}, {"suppressions", p.Suppressions == nil},
		{"verify", p.Verify == nil}, {"encode", p.Encode == nil}, {"ready", p.Ready == nil},
		{"registerer", p.Registerer == nil}, {"logger", p.Logger == nil}} {
		if part.gone {
			return part.name
		}
	}
	return ""
}

// Server is the HTTP API as an http.Handler. It starts no goroutines, and is safe for concurrent use.
type Server struct {
	cfg          Config
	campaigns    *campaign.Service
	clips        Clips
	suppressions Suppressions
	verify       Verify
	encode       Encode
	ready        func(context.Context) Readiness
	log          *slog.Logger
	metrics      *metrics
	now          func() time.Time

	mux         *http.ServeMux
	api         huma.API
	clipUploads turnstile
	listUploads turnstile
}

// New returns a server over parts that the caller owns. Its errors wrap avanak.ErrInvalid, or come from the registerer.
func New(cfg Config, parts Parts) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	if name := parts.missing(); name != "" {
		return nil, fmt.Errorf("%w: api: part %s is missing", avanak.ErrInvalid, name)
	}
	m, err := newMetrics(parts.Registerer)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Server{cfg: cfg, campaigns: parts.Campaigns, clips: parts.Clips, suppressions: parts.Suppressions,
		verify: parts.Verify, encode: parts.Encode, ready: parts.Ready, log: parts.Logger, metrics: m, now: time.Now,
		mux: http.NewServeMux(), clipUploads: make(turnstile, cfg.Uploads), listUploads: make(turnstile, cfg.Uploads)}
	s.api = humago.New(s.mux, humaConfig())
	s.routes()
	if err := s.describe(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, r := s.begin(w, r)
	defer s.end(v, r)
	h, pattern := s.mux.Handler(r)
	if pattern == "" {
		s.unmatched(v.answer, r, h)
		return
	}
	_, v.route, _ = strings.Cut(pattern, " ")
	s.mux.ServeHTTP(v.answer, r)
}

// unmatched refuses what no route takes. The mux's own handler knows whether it was the path or the method.
func (s *Server) unmatched(w http.ResponseWriter, r *http.Request, h http.Handler) {
	probe := &headerOnly{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		allow := probe.header.Get("Allow")
		s.refuse(w, r, methodNotAllowed.problem("allowed here: "+allow).with("Allow", allow))
		return
	}
	s.refuse(w, r, notFound.problem("there is nothing at this path; /openapi.json lists what there is"))
}

// headerOnly is an answer of which only status and header matter.
type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) WriteHeader(status int)      { h.status = status }
func (h *headerOnly) Write(p []byte) (int, error) { return len(p), nil }

// refuse answers with the problem that belongs to err.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	visitOf(r.Context()).cause = p.cause
	writeProblem(w, p)
}

// writeProblem writes a problem outside of huma.
func writeProblem(w http.ResponseWriter, p *problem) {
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a client that does not read is noted by the answer itself
}

// turnstile lets as many through at a time as it has room for.
type turnstile chan struct{}

// turn is the longest wait at a turnstile.
const turn = 20 * time.Second

// pass waits for a place; leave gives it back. Where none comes free in time, the error wraps avanak.ErrUnavailable.
func (t turnstile) pass(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, turn, errCrowded)
	defer cancel()
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var errCrowded = fmt.Errorf("%w: too many uploads at a time", avanak.ErrUnavailable)

// NewHTTPServer returns an http.Server for h with the limits on headers and idle connections that the API wants; its limits on
// bodies and answers are the handler's own. The caller gives it an address or a listener, and ends it.
func NewHTTPServer(h http.Handler, log *slog.Logger) (*http.Server, error) {
	if h == nil || log == nil {
		return nil, errors.New("http server: a handler and a logger are needed")
	}
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}, nil
}
