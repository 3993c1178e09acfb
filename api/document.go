package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// media maps media types to what they hold, for the description.
type media map[string]*huma.MediaType

func binary(types ...string) media {
	m := media{}
	for _, t := range types {
		m[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return m
}

func text(example, mediaType string) media {
	return media{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}, Example: example}}
}

func (m media) and(other media) media {
	maps.Copy(m, other)
	return m
}

// What the routes take and give beside JSON.
var (
	audioMedia = binary("audio/wav", "application/octet-stream")
	listMedia  = text("number\n+989120000001\n۰۹۱۲۰۰۰۰۰۰۲\n", "text/csv").
			and(text("{\"number\":\"+989120000001\"}\n{\"number\":\"09120000002\"}\n", "application/x-ndjson"))
	resultMedia = text(`{"ordinal":0,"number":"+989120000001","state":"delivered","attempts":1,"outcome":"completed",`+
		`"sip_status":200,"q850_cause":16,"started":"2026-01-10T08:30:00Z","ring_s":7.5,"talk_s":6.9,"played_s":6.4,`+
		`"sandbox":false}`+"\n", "application/x-ndjson").
		and(text("ordinal,number,state,attempts,outcome,sip_status,q850_cause,started,ring_s,talk_s,played_s,sandbox\n"+
			"0,+989120000001,delivered,1,completed,200,16,2026-01-10T08:30:00Z,7.5,6.9,6.4,false\n", "text/csv"))
)

const bearer = "bearer"

// humaConfig is huma without what we do not want of it: pages that load code from elsewhere, and $schema in answers, which
// it builds from the client's Host header.
func humaConfig() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			Info: &huma.Info{Title: "Avanak", Version: "1", Description: description},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: bearer,
					Description: "An API key: avk_live_…"}},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

const description = `Voice broadcast: a clip and numbers in, calls out, and what became of each number back.

Times are RFC 3339 in UTC. Durations are texts such as "3s" or "30m". Numbers are answered in E.164 ("+98…") and read in every
usual Iranian spelling. Refusals are application/problem+json (RFC 9457); their types, urn:avanak:problem:<kind>, are stable.`

// operation describes a route.
func (rt route) operation() huma.Operation {
	op := huma.Operation{Method: rt.method, Path: rt.path, OperationID: rt.id, Summary: rt.summary, DefaultStatus: rt.status,
		Security: []map[string][]string{{bearer: {}}}, MaxBodyBytes: -1, BodyReadTimeout: time.Minute,
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity,
			http.StatusTooManyRequests, http.StatusServiceUnavailable}}
	op.Errors = append(op.Errors, rt.refusals...)
	if rt.scope != "" {
		op.Errors = append(op.Errors, http.StatusForbidden)
		op.Description = "Needs a key with the scope " + rt.scope + "."
	}
	if rt.takes != nil || rt.example != nil {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType)
	}
	switch {
	case rt.takes != nil:
		op.RequestBody = &huma.RequestBody{Required: true, Content: rt.takes}
	case rt.example != nil:
		op.RequestBody = &huma.RequestBody{Content: media{"application/json": {Example: rt.example}}}
	}
	if rt.gives != nil {
		op.Responses = map[string]*huma.Response{"200": {Description: "One row per recipient, in the list's order",
			Content: rt.gives}}
	}
	return op
}

// describe writes the description once all routes are known, and serves it.
func (s *Server) describe() error {
	describeHealth(s.api.OpenAPI())
	newest, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	older, err := s.api.OpenAPI().Downgrade()
	if err != nil {
		return fmt.Errorf("describe for OpenAPI 3.0: %w", err)
	}
	s.mux.HandleFunc("GET /openapi.json", serveDescription(newest))
	s.mux.HandleFunc("GET /openapi-3.0.json", serveDescription(older))
	return nil
}

func serveDescription(doc []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(doc) // a client that does not read is noted by the answer itself
	}
}
