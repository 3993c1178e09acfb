package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// fakeGateway answers as the API's contract says, from a script; it knows one key, one clip and one campaign.
type fakeGateway struct {
	*httptest.Server

	mu       sync.Mutex
	seen     []string // "POST /v1/clips body"; guarded by mu
	looks    int      // at the campaign or message; guarded by mu
	overAt   int      // look at which they are over; guarded by mu
	endState string   // of the message; guarded by mu
	brokenAt string   // "METHOD /path" that is answered with 503; guarded by mu
}

const (
	fakeKey      = "avk_live_fake"
	fakeClip     = `{"id":"clp_1","name":"hello","duration":"6.42s","seconds":6.42,"size":120,"created":"2026-05-04T10:00:00Z"}`
	fakeCampaign = `{"id":"cmp_1","name":"evil\u001b[2J name","clip":"clp_1","window":{"from":"07:00","to":"23:00","zone":"Asia/Tehran"},
		"retry":{"max_attempts":3,"busy":"3m0s","no_answer":"0s"},"ring_limit":"35s","on_uncertain":"hold","run":%q,"recipients":10,
		"states":{"pending":%d,"delivered":%d},"open":%d,"attempts":4,"answered":4,"created":"2026-05-04T10:00:00Z"}`
)

func startFake(t *testing.T) *fakeGateway {
	t.Helper()
	g := &fakeGateway{overAt: 1, endState: "delivered"}
	mux := http.NewServeMux()
	for pattern, answer := range map[string]http.HandlerFunc{
		"POST /v1/clips":                      text(201, fakeClip),
		"GET /v1/clips":                       text(200, `{"clips":[`+fakeClip+`]}`),
		"POST /v1/campaigns":                  g.create,
		"GET /v1/campaigns":                   g.pages,
		"GET /v1/campaigns/cmp_1":             g.campaign,
		"POST /v1/campaigns/cmp_1/start":      g.move("running"),
		"POST /v1/campaigns/cmp_1/pause":      g.move("paused"),
		"POST /v1/campaigns/cmp_1/resume":     problem(409, "conflict", "a running campaign cannot be resumed"),
		"POST /v1/campaigns/cmp_1/cancel":     g.move("cancelled"),
		"POST /v1/campaigns/cmp_1/recipients": g.load,
		"GET /v1/campaigns/cmp_1/results":     g.results,
		"POST /v1/messages":                   text(202, `{"id":"msg_1","number":"+989120000001","state":"pending"}`),
		"GET /v1/messages/msg_1":              g.message,
		"POST /v1/suppressions":               text(200, `{"added":1}`),
		"DELETE /v1/suppressions":             text(204, ""),
		"/":                                   problem(404, "not-found", "there is no such thing, or it is not yours"),
	} {
		mux.Handle(pattern, answer)
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, mux) }))
	t.Cleanup(g.Close)
	return g
}

// serve checks the key, notes the request and hands it on.
func (g *fakeGateway) serve(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	line := r.Method + " " + r.URL.String()
	if r.ContentLength != 0 && r.Header.Get("Content-Type") == "application/json" {
		b, _ := io.ReadAll(r.Body)
		line += " " + string(b)
	}
	g.mu.Lock()
	g.seen = append(g.seen, line)
	broken := g.brokenAt == r.Method+" "+r.URL.Path
	g.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+fakeKey:
		problem(401, "unauthorized", "the API key is not valid")(w, r)
	case broken:
		problem(503, "unavailable", "a part that is needed is away")(w, r)
	default:
		mux.ServeHTTP(w, r)
	}
}

func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func problem(status int, kind, detail string) http.HandlerFunc {
	b, _ := json.Marshal(map[string]any{"type": "urn:avanak:problem:" + kind, "status": status, "detail": detail})
	return text(status, string(b))
}

func (g *fakeGateway) create(w http.ResponseWriter, r *http.Request) {
	text(201, fmt.Sprintf(fakeCampaign, "loading", 0, 0, 0))(w, r)
}

func (g *fakeGateway) move(run string) http.HandlerFunc {
	return text(200, fmt.Sprintf(fakeCampaign, run, 10, 0, 10))
}

// pages answers two pages of one campaign each, and one that is full.
func (g *fakeGateway) pages(w http.ResponseWriter, r *http.Request) {
	next := `,"next_cursor":"second"`
	if r.URL.Query().Get("cursor") == "second" {
		next = ""
	}
	text(200, `{"campaigns":[`+fmt.Sprintf(fakeCampaign, "done", 0, 10, 0)+`]`+next+`}`)(w, r)
}

// look counts and tells whether it is over.
func (g *fakeGateway) look() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.looks++
	return g.looks >= g.overAt
}

func (g *fakeGateway) campaign(w http.ResponseWriter, r *http.Request) {
	if g.look() {
		text(200, fmt.Sprintf(fakeCampaign, "done", 0, 10, 0))(w, r)
		return
	}
	text(200, fmt.Sprintf(fakeCampaign, "running", 6, 4, 6))(w, r)
}

func (g *fakeGateway) message(w http.ResponseWriter, r *http.Request) {
	state := "dialling"
	if g.look() {
		state = g.endState
	}
	text(200, fmt.Sprintf(`{"id":"msg_1","number":"+989120000001","state":%q,"attempts":1,"ring_s":1.5,"latency_s":0.8}`, state))(w, r)
}

// load reads the list; one with "broken" in it is refused whole.
func (g *fakeGateway) load(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	g.seen = append(g.seen, r.Header.Get("Content-Type")+" "+string(b))
	g.mu.Unlock()
	if string(b) == "broken" {
		w.WriteHeader(422)
		_, _ = io.WriteString(w, `{"type":"urn:avanak:problem:invalid-list","detail":"the list is broken","errors":[{"message":"NUL byte","line":1}]}`)
		return
	}
	_, _ = io.WriteString(w, `{"total_rows":3,"accepted":1,"duplicates":1,"invalid":1,"rejected":[{"line":3,"reason":"invalid"}],"recipients":1}`)
}

func (g *fakeGateway) results(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("format") == "csv" {
		_, _ = io.WriteString(w, "ordinal,number\n0,+989120000001\n")
		return
	}
	_, _ = io.WriteString(w, `{"ordinal":0,"number":"+989120000001","state":"delivered","attempts":1,"outcome":"completed","sip_status":200,"ring_s":1.5,"played_s":6.4}`+"\n")
}

// requests returns what has been asked since the last call.
func (g *fakeGateway) requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := g.seen
	g.seen = nil
	return seen
}
