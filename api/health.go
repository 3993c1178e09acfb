package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
	readyTime  = 3 * time.Second // longest time that the checks may take
)

// Readiness is whether the gateway can do its work now, and on what that rests.
type Readiness struct {
	Ready      bool              `json:"ready" doc:"Whether new work is welcome here"`
	Checks     map[string]string `json:"checks" doc:"ok, or what is wrong, by part"`
	Durability string            `json:"durability" doc:"What survives a power cut: always, everysec, volatile or unknown"`
	Store      string            `json:"store" doc:"What keeps the state"`
	Draining   bool              `json:"draining" doc:"Whether the gateway is being stopped"`
}

// health answers as long as the process can.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // a client that does not read is noted by the answer itself
}

// readiness answers 200 where new work is welcome, else 503; the body is the same.
func (s *Server) readiness(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	ready := s.ready(ctx)
	w.Header().Set("Content-Type", "application/json")
	if !ready.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(ready) // a client that does not read is noted by the answer itself
}

// Health returns a handler for /healthz and /readyz alone, for a listener on which the API is not offered.
func (s *Server) Health() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+healthPath, s)
	mux.Handle("GET "+readyPath, s)
	return mux
}

// describeHealth adds the routes that are no part of the API proper to its description.
func describeHealth(doc *huma.OpenAPI) {
	schema := doc.Components.Schemas.Schema(reflect.TypeFor[Readiness](), true, "Readiness")
	body := media{"application/json": {Schema: schema}}
	public := []map[string][]string{} // no key
	doc.AddOperation(&huma.Operation{Method: http.MethodGet, Path: healthPath, OperationID: "health",
		Summary: "Tell whether the process is alive", Security: public,
		Responses: map[string]*huma.Response{"200": {Description: "Alive", Content: text("ok\n", "text/plain")}}})
	doc.AddOperation(&huma.Operation{Method: http.MethodGet, Path: readyPath, OperationID: "readiness",
		Summary: "Tell whether new work is welcome", Security: public,
		Responses: map[string]*huma.Response{"200": {Description: "Ready", Content: body}, "503": {Description: "Not ready", Content: body}}})
}
