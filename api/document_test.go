package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// described is as much of an OpenAPI document as the tests look at.
type described struct {
	OpenAPI    string
	Components struct {
		SecuritySchemes map[string]struct{ Type, Scheme string }
		Schemas         map[string]struct {
			Properties           map[string]any
			AdditionalProperties any
		}
	}
	Paths map[string]map[string]struct {
		OperationID string
		Summary     string
		Security    []map[string][]string
		RequestBody *struct {
			Required bool
			Content  map[string]struct{ Example, Schema any }
		}
		Responses map[string]struct {
			Content map[string]struct {
				Schema map[string]any
			}
		}
	}
}

func (w *world) description() described {
	w.Helper()
	r := w.send(request{method: http.MethodGet, path: "/openapi.json"})
	require.Equal(w, http.StatusOK, r.status)
	var doc described
	require.NoError(w, json.Unmarshal([]byte(r.text), &doc))
	require.NotContains(w, r.text, "$schema")
	return doc
}

func TestDescriptionHoldsEveryRoute(t *testing.T) {
	w := newWorld(t)
	doc := w.description()
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.Equal(t, "bearer", doc.Components.SecuritySchemes["bearer"].Scheme)
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			at := method + " " + path
			require.NotEmpty(t, op.Summary, at)
			require.False(t, ids[op.OperationID], "%s: id %s is taken", at, op.OperationID)
			ids[op.OperationID] = true
			if !strings.HasPrefix(path, "/v1/") {
				require.Empty(t, op.Security, at)
				continue
			}
			require.Equal(t, []map[string][]string{{"bearer": {}}}, op.Security, at)
			success := 0
			for status, response := range op.Responses {
				if status < "300" {
					success++
					continue
				}
				problem, ok := response.Content["application/problem+json"]
				require.True(t, ok, "%s: %s is no problem", at, status)
				require.Equal(t, "#/components/schemas/Problem", problem.Schema["$ref"], at)
			}
			require.Equal(t, 1, success, at)
			for _, status := range []string{"401", "404", "422", "500", "503"} {
				require.Contains(t, op.Responses, status, at)
			}
			if op.RequestBody != nil {
				require.True(t, op.RequestBody.Required, at)
				require.Contains(t, op.Responses, "413", at)
			}
		}
	}
	require.Len(t, ids, 20)
	require.Contains(t, doc.Components.Schemas["Problem"].Properties, "errors")
	for name, s := range doc.Components.Schemas {
		if strings.HasSuffix(name, "Request") || name == "Window" || name == "Retry" {
			require.Equal(t, false, s.AdditionalProperties, name)
		}
	}
	require.Contains(t, w.send(request{method: http.MethodGet, path: "/openapi-3.0.json"}).text, `"openapi":"3.0.3"`)
}

func TestExamplesOfBodiesAreAccepted(t *testing.T) {
	w := newWorld(t)
	doc := w.description()
	clip, id := w.clip(), w.campaign()
	tried := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.RequestBody == nil {
				continue
			}
			for media, content := range op.RequestBody.Content {
				body, ok := content.Example.(string)
				if media == "application/json" {
					require.NotNil(t, content.Example, path)
					text, err := json.Marshal(content.Example)
					require.NoError(t, err)
					body = strings.ReplaceAll(string(text), "clp_01jd3w7q5n8r2x4v6t0ykbmhfe", clip)
				} else if !ok {
					continue // audio
				}
				tried++
				r := w.send(request{method: strings.ToUpper(method), path: fill(path, id), media: media, body: strings.NewReader(body), key: w.operator})
				if path != "/v1/suppressions" {
					r = w.upload(fill(path, id), media, body)
				}
				if r.status == http.StatusConflict { // outside the hours of the day, or a number that the list before suppressed
					continue
				}
				require.Less(t, r.status, 300, "%s %s: %s", method, path, r.text)
			}
		}
	}
	require.Equal(t, 6, tried)
}

func TestAnswersAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	id := w.campaign()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, path := range []string{"/openapi.json", "/openapi-3.0.json", "/v1/campaigns", "/v1/campaigns/" + id, "/v1/campaigns/" + id + "/results", "/nowhere"} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+w.key)
				res, err := w.client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				if err := res.Body.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
