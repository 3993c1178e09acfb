package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/api"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/queue"
)

// operations lists the routes of the description as method and path.
func (w *world) operations() [][2]string {
	w.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(w, json.Unmarshal([]byte(w.get("/openapi.json").text), &doc))
	var all [][2]string
	for path, methods := range doc.Paths {
		for method := range methods {
			if strings.HasPrefix(path, "/v1/") {
				all = append(all, [2]string{strings.ToUpper(method), path})
			}
		}
	}
	require.Len(w, all, 18)
	return all
}

// fill puts values into a path's pattern.
func fill(path, id string) string {
	return strings.NewReplacer("{id}", id, "{number}", "09120000001").Replace(path)
}

func TestEveryRouteNeedsAKey(t *testing.T) {
	w := newWorld(t)
	for _, op := range w.operations() {
		for _, header := range []string{"", "Bearer", "Bearer avk_live_x", "Basic " + w.key, w.key, "Bearer " + strings.Repeat("x", 600),
			"Bearer " + strings.ToUpper(w.key), "Bearer " + w.key + w.key} {
			r := w.send(request{method: op[0], path: fill(op[1], "cmp_00000000000000000000000000"), header: map[string]string{"Authorization": header},
				body: strings.NewReader(`{"number":"09120000001"}`)})
			w.refused(r, http.StatusUnauthorized, "unauthorized", "9120000", "avk_live_x")
			require.Contains(t, r.header.Get("WWW-Authenticate"), "Bearer")
		}
	}
}

func TestThingsOfOthersDoNotExist(t *testing.T) {
	w := newWorld(t)
	clip := w.clip()
	mine := w.campaign()
	message := w.post("/v1/messages", `{"number":"09120000001","clip":"`+clip+`",`+allDay+`}`).id(t)
	ids := map[string]string{"clips": clip, "campaigns": mine, "messages": message}
	tried := 0
	for _, op := range w.operations() {
		kind := strings.Split(op[1], "/")[2]
		if !strings.Contains(op[1], "{id}") {
			continue
		}
		tried++
		ask := func(id string) reply {
			media, body := "", ""
			if strings.HasSuffix(op[1], "/recipients") {
				media, body = "text/csv", "09120000001\n"
			}
			return w.send(request{method: op[0], path: fill(op[1], id), media: media, body: strings.NewReader(body), key: w.other})
		}
		theirs := ask(ids[kind])
		w.refused(theirs, http.StatusNotFound, "not-found", ids[kind])
		never := avanak.NewID(ids[kind][:4], time.Now())
		require.Equal(t, theirs.text, ask(never).text, "%s %s tells a stranger's id from none", op[0], op[1])
		w.refused(ask("x%2F..%2Fy"), http.StatusNotFound, "not-found")
	}
	require.Equal(t, 9, tried)
	list := func(path string) string {
		return w.send(request{method: http.MethodGet, path: path, key: w.other}).text
	}
	require.JSONEq(t, `{"campaigns":[]}`, list("/v1/campaigns"))
	require.JSONEq(t, `{"clips":[]}`, list("/v1/clips"))
	r := w.send(request{method: http.MethodPost, path: "/v1/campaigns", media: "application/json", key: w.other,
		body: strings.NewReader(`{"name":"x","clip":"` + clip + `"}`)})
	w.refused(r, http.StatusUnprocessableEntity, "invalid-request", clip)
	require.Equal(t, "loading", w.get("/v1/campaigns/" + mine).decode(t)["run"])
	require.EqualValues(t, 0, w.get("/v1/campaigns/" + mine).decode(t)["recipients"])
}

func TestUnknownPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/clip", "/v1/campaigns/09120000001/recipients/9120000", "/docs", "/schemas/Campaign", "/metrics", "/debug/pprof/"} {
		w.refused(w.get(path), http.StatusNotFound, "not-found", "9120000")
	}
	r := w.send(request{method: http.MethodPut, path: "/v1/campaigns", key: w.key})
	w.refused(r, http.StatusMethodNotAllowed, "method-not-allowed")
	require.Equal(t, "GET, HEAD, POST", r.header.Get("Allow"))
	w.refused(w.send(request{method: "BREW", path: "/v1/suppressions/09120000001", key: w.key}), http.StatusMethodNotAllowed, "method-not-allowed")
	require.Contains(t, w.logs.String(), `"method":"other","route":"unmatched","status":405`)
}

func TestMessageOutsideItsWindowLearnsWhenItOpens(t *testing.T) {
	w := newWorld(t)
	zone, err := time.LoadLocation(avanak.DefaultZone)
	require.NoError(t, err)
	opens := (time.Now().In(zone).Hour() + 12) % 24
	hours := fmt.Sprintf(`"window":{"from":"%02d:00","to":"%02d:30"}`, opens, opens)
	p := w.refused(w.post("/v1/messages", `{"number":"09120000001","clip":"`+w.clip()+`",`+hours+`}`), http.StatusConflict, "outside-window", "9120000")
	detail, _ := p["detail"].(string)
	at, err := time.Parse(time.RFC3339, detail[strings.LastIndex(detail, " ")+1:])
	require.NoError(t, err, detail)
	require.Equal(t, opens, at.In(zone).Hour())
	require.Equal(t, time.UTC, at.Location())
}

func TestFullLaneAsksForPatience(t *testing.T) {
	w := newWorld(t, func(o *options) { o.queue.FastLimit = 1 })
	clip := w.clip()
	for range avanak.Partitions + 1 { // pigeons into holes
		r := w.post("/v1/messages", `{"number":"09120000001","clip":"`+clip+`",`+allDay+`}`)
		if r.status == http.StatusAccepted {
			continue
		}
		w.refused(r, http.StatusTooManyRequests, "lane-full", "9120000")
		require.Equal(t, "2", r.header.Get("Retry-After"))
		return
	}
	require.Fail(t, "the lane never filled")
}

func TestStoreAwayIsUnavailableAndNotReady(t *testing.T) {
	ready := api.Readiness{Ready: true, Checks: map[string]string{"redis": "ok"}, Durability: "always", Store: "redis 7"}
	w := newWorld(t, func(o *options) { o.ready = func(context.Context) api.Readiness { return ready } })
	require.Equal(t, http.StatusOK, w.get("/v1/campaigns").status)
	r := w.send(request{method: http.MethodGet, path: "/readyz"})
	require.Equal(t, http.StatusOK, r.status)
	require.JSONEq(t, `{"ready":true,"checks":{"redis":"ok"},"durability":"always","store":"redis 7","draining":false}`, r.text)

	w.redis.Close()
	ready.Ready = false
	for _, path := range []string{"/v1/campaigns", "/v1/clips"} {
		r := w.get(path)
		w.refused(r, http.StatusServiceUnavailable, "unavailable")
		require.Equal(t, "2", r.header.Get("Retry-After"))
	}
	w.refused(w.upload("/v1/clips?name=x", "audio/wav", wav(time.Second)), http.StatusServiceUnavailable, "unavailable")
	// A key that nobody has verified yet cannot be: that is not the client's fault.
	w.refused(w.send(request{method: http.MethodGet, path: "/v1/campaigns", key: w.other}), http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, http.StatusServiceUnavailable, w.send(request{method: http.MethodGet, path: "/readyz"}).status)
	require.Equal(t, "ok\n", w.send(request{method: http.MethodGet, path: "/healthz"}).text)
	require.Contains(t, w.logs.String(), `"err":`)
}

func TestHealthOnItsOwn(t *testing.T) {
	w := newWorld(t)
	admin := httptest.NewServer(w.server.Health())
	defer admin.Close()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/v1/campaigns": 404, "/openapi.json": 404} {
		res, err := admin.Client().Get(admin.URL + path)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode, path)
	}
}

func TestPanicIsAProblemAndOneLogLine(t *testing.T) {
	w := newWorld(t, func(o *options) { o.ready = func(context.Context) api.Readiness { panic("broken part") } })
	w.refused(w.send(request{method: http.MethodGet, path: "/readyz"}), http.StatusInternalServerError, "internal", "broken part")
	require.Equal(t, 1, strings.Count(w.logs.String(), "broken part"))
	require.Equal(t, "ok\n", w.send(request{method: http.MethodGet, path: "/healthz"}).text)
}

func TestLogAndMetricsHoldPatterns(t *testing.T) {
	w := newWorld(t)
	w.get("/v1/campaigns/cmp_00000000000000000000000000")
	w.send(request{method: http.MethodGet, path: "/v1/suppressions/09120000001", key: w.operator})
	w.get("/healthz")
	w.get("/9120000001")
	require.Contains(t, w.logs.String(), `"method":"GET","route":"/v1/campaigns/{id}","status":404`)
	require.Contains(t, w.logs.String(), `"tenant":"one"`)
	require.NotContains(t, w.logs.String(), "cmp_0000")
	// net/http may answer before the deferred record is written.
	require.Eventually(t, func() bool {
		return count(t, w) == 4
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, testutil.GatherAndCompare(w.metrics, strings.NewReader(`
# HELP avanak_api_requests_total HTTP requests answered, by route pattern, method and status.
# TYPE avanak_api_requests_total counter
avanak_api_requests_total{code="200",method="GET",route="/healthz"} 1
avanak_api_requests_total{code="200",method="GET",route="/v1/suppressions/{number}"} 1
avanak_api_requests_total{code="404",method="GET",route="/v1/campaigns/{id}"} 1
avanak_api_requests_total{code="404",method="GET",route="unmatched"} 1
`), "avanak_api_requests_total"))
}

// count is how many series of requests there are.
func count(t *testing.T, w *world) int {
	t.Helper()
	n, err := testutil.GatherAndCount(w.metrics, "avanak_api_requests_total")
	require.NoError(t, err)
	return n
}

// faulty is a queue whose results break after some rows.
type faulty struct {
	*queue.Queue
	after int
}

var errBroken = fmt.Errorf("read 09120000001: %w", avanak.ErrUnavailable)

func (f faulty) Results(context.Context, string, uint32) iter.Seq2[avanak.Recipient, error] {
	return func(yield func(avanak.Recipient, error) bool) {
		for i := range f.after {
			if !yield(avanak.Recipient{Ordinal: uint32(i), Number: 989120000001}, nil) {
				return
			}
		}
		yield(avanak.Recipient{}, errBroken)
	}
}

func TestResultsAsCSV(t *testing.T) {
	w := newWorld(t)
	id := w.campaign()
	empty := w.get("/v1/campaigns/" + id + "/results")
	require.Equal(t, http.StatusOK, empty.status)
	require.Empty(t, empty.text)
	require.Equal(t, http.StatusOK, w.upload("/v1/campaigns/"+id+"/recipients", "text/csv", "09120000001\n").status)
	const want = "ordinal,number,state,attempts,outcome,sip_status,q850_cause,started,ring_s,talk_s,played_s,sandbox\n" +
		"0,+989120000001,pending,0,none,0,0,,0,0,0,false\n"
	byQuery := w.get("/v1/campaigns/" + id + "/results?format=csv")
	require.Equal(t, want, byQuery.text)
	require.Equal(t, "text/csv; charset=utf-8", byQuery.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="`+id+`.csv"`, byQuery.header.Get("Content-Disposition"))
	accept := func(path, what string) string {
		return w.send(request{method: http.MethodGet, path: path, key: w.key, header: map[string]string{"Accept": what}}).text
	}
	require.Equal(t, want, accept("/v1/campaigns/"+id+"/results", "text/html, text/csv;q=0.9"))
	require.True(t, strings.HasPrefix(accept("/v1/campaigns/"+id+"/results", "application/x-ndjson, text/csv"), "{"))
	require.True(t, strings.HasPrefix(accept("/v1/campaigns/"+id+"/results?format=ndjson", "text/csv"), "{"))
	w.refused(w.get("/v1/campaigns/"+id+"/results?format=9120000"), http.StatusUnprocessableEntity, "invalid-request", "9120000")
}

func TestResultsThatBreakAreNotTakenForWhole(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after int
		whole bool
	}{{"before the first byte", 0, true}, {"within the first buffer", 3, true}, {"in the middle", 5000, false}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(o *options) { o.jobs = func(q *queue.Queue) campaign.Jobs { return faulty{q, tt.after} } })
			path := "/v1/campaigns/" + w.campaign() + "/results?format=csv"
			if tt.whole {
				r := w.get(path)
				w.refused(r, http.StatusServiceUnavailable, "unavailable", "9120000")
				require.Empty(t, r.header.Get("Content-Disposition"))
			} else {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
				require.NoError(t, err)
				req.Header.Set("Authorization", "Bearer "+w.key)
				res, err := w.client.Do(req)
				require.NoError(t, err)
				defer func() { require.NoError(t, res.Body.Close()) }()
				_, err = io.Copy(io.Discard, res.Body)
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
		})
	}
}

func TestResultsStopWhenTheClientHasGone(t *testing.T) {
	w := newWorld(t, func(o *options) {
		o.jobs = func(q *queue.Queue) campaign.Jobs { return faulty{q, 1 << 30} } // hours of rows
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/v1/campaigns/"+w.campaign()+"/results", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.key)
	res, err := w.client.Do(req)
	require.NoError(t, err)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, `"ordinal":0`)
	cancel()
	require.NoError(t, res.Body.Close())
	require.Eventually(t, func() bool {
		return strings.Contains(w.logs.String(), `"route":"/v1/campaigns/{id}/results","status":499`)
	}, 20*time.Second, time.Millisecond)
}

func TestSlowClientsAreCutOff(t *testing.T) {
	w := newWorld(t, func(o *options) { o.cfg.Patience = 500 * time.Millisecond })
	for _, tt := range []struct{ path, media, body string }{
		{"/v1/nowhere", "application/json", `{"number":"09120000001"`},
		{"/v1/messages", "application/json", `{"number":"09120000001"`},
		{"/v1/clips?name=x", "audio/wav", "RIFF"},
		{"/v1/campaigns/" + w.campaign() + "/recipients", "text/csv", "09120000001\n09120000002\n"},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n%s",
			tt.path, w.key, tt.media, tt.body)
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		status, kind := http.StatusRequestTimeout, "timeout"
		if tt.path == "/v1/nowhere" {
			status, kind = http.StatusNotFound, "not-found"
		}
		w.refused(reply{res.StatusCode, res.Header, string(text)}, status, kind, "9120000")
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "the connection is closed")
	}
}

// slow is a queue that takes its time, and looks at the context like a client of a distant Redis does.
type slow struct {
	*queue.Queue
	takes time.Duration
}

func (s slow) CreateCampaign(ctx context.Context, c avanak.Campaign, fingerprint string) (bool, error) {
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(s.takes):
		return s.Queue.CreateCampaign(ctx, c, fingerprint)
	}
}

func TestPatienceIsForTheClientAlone(t *testing.T) {
	const patience = 500 * time.Millisecond
	w := newWorld(t, func(o *options) {
		o.cfg.Patience = patience
		o.jobs = func(q *queue.Queue) campaign.Jobs { return slow{q, 3 * patience} }
	})
	for range 2 { // the second time on the same connection
		w.campaign()
	}
	transport, ok := w.client.Transport.(*http.Transport)
	require.True(t, ok)
	transport.ExpectContinueTimeout = time.Minute
	<-time.After(2 * patience) // what the last answer left of deadlines must not matter
	r := w.send(request{method: http.MethodPost, path: "/v1/clips?name=x", media: "audio/wav", body: strings.NewReader(wav(time.Second)),
		key: w.key, header: map[string]string{"Expect": "100-continue"}})
	require.Equal(t, http.StatusCreated, r.status, r.text)
}

// deaf is a client that takes no answer.
type deaf struct{ http.ResponseWriter }

func (deaf) Write([]byte) (int, error) { return 0, net.ErrClosed }

func TestAnswerThatNobodyTakesIsNoFaultOfOurs(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodGet, "/v1/campaigns", nil)
	r.Header.Set("Authorization", "Bearer "+w.key)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { w.server.ServeHTTP(deaf{httptest.NewRecorder()}, r) })
	require.Contains(t, w.logs.String(), `"route":"/v1/campaigns","status":499`)
	require.NotContains(t, w.logs.String(), "panic")
}

func TestSlowWorkEndsInTime(t *testing.T) {
	w := newWorld(t, func(o *options) {
		o.cfg.AnswerTime = 500 * time.Millisecond
		o.jobs = func(q *queue.Queue) campaign.Jobs { return slow{q, time.Hour} }
	})
	r := w.post("/v1/campaigns", `{"name":"x","clip":"`+w.clip()+`"}`)
	w.refused(r, http.StatusServiceUnavailable, "unavailable")
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	_, err := api.New(api.Config{}, api.Parts{})
	require.ErrorIs(t, err, avanak.ErrInvalid)
	require.ErrorContains(t, err, "campaigns")
	for name, cfg := range map[string]api.Config{
		"clip_bytes": {ClipBytes: 1}, "list_bytes": {ListBytes: -1}, "body_bytes": {BodyBytes: 1 << 40}, "patience": {Patience: -1},
		"upload_time": {UploadTime: time.Nanosecond}, "answer_time": {AnswerTime: 48 * time.Hour}, "uploads": {Uploads: -1},
	} {
		require.ErrorContains(t, cfg.Validate(), name)
		require.ErrorIs(t, cfg.Validate(), avanak.ErrInvalid)
	}
	require.NoError(t, api.Config{}.Validate())
	require.NoError(t, api.DefaultConfig().Validate())
	_, err = api.NewHTTPServer(nil, nil)
	require.Error(t, err)
	require.NotErrorIs(t, err, avanak.ErrUnavailable)
}
