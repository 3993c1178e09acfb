package api_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/api"
	"github.com/avanak/avanak/audio"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/queue"
	"github.com/avanak/avanak/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// allDay is a window that is always open.
const allDay = `"window":{"from":"00:00","to":"24:00"}`

// world is a server over real parts: queue and store on miniredis, clips on disk.
type world struct {
	testing.TB
	url     string
	client  *http.Client
	server  *api.Server
	redis   *miniredis.Miniredis
	metrics *prometheus.Registry
	logs    *log
	temp    string // where uploads are spooled
	blobs   string // where clips are stored

	key, other, operator string // of tenants "one", "two" and "ops"
}

// options change a world.
type options struct {
	cfg       api.Config
	queue     queue.Config
	campaigns campaign.Config
	jobs      func(*queue.Queue) campaign.Jobs
	ready     func(context.Context) api.Readiness
}

func newWorld(tb testing.TB, change ...func(*options)) *world {
	tb.Helper()
	o := options{queue: queue.DefaultConfig(), jobs: func(q *queue.Queue) campaign.Jobs { return q },
		ready: func(context.Context) api.Readiness { return api.Readiness{Ready: true} }}
	for _, c := range change {
		c(&o)
	}
	w := &world{TB: tb, redis: miniredis.NewMiniRedis(), metrics: prometheus.NewRegistry(), logs: &log{}, temp: tb.TempDir(), blobs: tb.TempDir()}
	require.NoError(tb, w.redis.Start())
	rdb := redis.NewClient(&redis.Options{Addr: w.redis.Addr(), MaxRetries: -1})
	dir, err := store.OpenDir(w.blobs)
	require.NoError(tb, err)
	clips, err := store.NewClips(store.Config{}, rdb, dir)
	require.NoError(tb, err)
	keys, err := store.NewKeys(store.Config{}, rdb)
	require.NoError(tb, err)
	numbers := store.NewSuppressions(rdb)
	q, err := queue.New(o.queue, rdb)
	require.NoError(tb, err)
	campaigns, err := campaign.New(o.campaigns, o.jobs(q), clips, numbers)
	require.NoError(tb, err)
	o.cfg.TempDir = w.temp
	w.server, err = api.New(o.cfg, api.Parts{Campaigns: campaigns, Clips: clips, Suppressions: numbers, Verify: verifier(keys),
		Encode: encode, Ready: o.ready, Registerer: w.metrics,
		Logger: slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	require.NoError(tb, err)
	srv := httptest.NewUnstartedServer(w.server)
	srv.Config, err = api.NewHTTPServer(w.server, slog.New(slog.NewJSONHandler(w.logs, nil)))
	require.NoError(tb, err)
	srv.Start()
	w.url, w.client = srv.URL, srv.Client()
	w.key, w.other, w.operator = mint(tb, keys, "one"), mint(tb, keys, "two"), mint(tb, keys, "ops", api.Operator)
	tb.Cleanup(func() {
		srv.Close()
		require.NoError(tb, rdb.Close())
		w.redis.Close()
		require.NoError(tb, dir.Close())
		require.NotContains(tb, w.logs.String(), "9120000", "a number stands in the log")
		require.NotContains(tb, w.logs.String(), "avk_live", "a key stands in the log")
		w.empty(w.temp)
	})
	return w
}

func mint(tb testing.TB, keys *store.Keys, tenant string, scopes ...string) string {
	tb.Helper()
	presented, _, err := keys.Mint(tb.Context(), tenant, "test", scopes)
	require.NoError(tb, err)
	return presented
}

func verifier(keys *store.Keys) api.Verify {
	return func(ctx context.Context, presented string) (api.Principal, error) {
		p, err := keys.Verify(ctx, presented)
		if errors.Is(err, store.ErrKey) {
			err = api.ErrKey
		}
		return api.Principal(p), err
	}
}

func encode(r io.Reader) (avanak.Frames, time.Duration, error) {
	e, err := audio.Ingest(r)
	if err != nil {
		return avanak.Frames{}, 0, err
	}
	return e.Frames, e.Duration, nil
}

// log collects log lines from many goroutines.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// request is one request; a nil body is none.
type request struct {
	method, path, media string
	body                io.Reader
	key                 string // "" sends none
	header              map[string]string
}

// reply is an answer in full.
type reply struct {
	status int
	header http.Header
	text   string
}

func (r reply) decode(tb testing.TB) map[string]any {
	tb.Helper()
	var v map[string]any
	require.NoError(tb, json.Unmarshal([]byte(r.text), &v), r.text)
	return v
}

// id returns the id that an answer holds.
func (r reply) id(tb testing.TB) string {
	tb.Helper()
	id, _ := r.decode(tb)["id"].(string)
	require.NotEmpty(tb, id, r.text)
	return id
}

func (w *world) send(r request) reply {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), r.method, w.url+r.path, r.body)
	require.NoError(w, err)
	if r.key != "" {
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	if r.media != "" {
		req.Header.Set("Content-Type", r.media)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	res, err := w.client.Do(req)
	require.NoError(w, err)
	defer func() { require.NoError(w, res.Body.Close()) }()
	text, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	require.NotEmpty(w, res.Header.Get("X-Request-Id"))
	return reply{res.StatusCode, res.Header, string(text)}
}

func (w *world) get(path string) reply {
	w.Helper()
	return w.send(request{method: http.MethodGet, path: path, key: w.key})
}

func (w *world) post(path, body string) reply {
	w.Helper()
	return w.send(request{method: http.MethodPost, path: path, media: "application/json", body: strings.NewReader(body), key: w.key})
}

func (w *world) upload(path, media, body string) reply {
	w.Helper()
	return w.send(request{method: http.MethodPost, path: path, media: media, body: strings.NewReader(body), key: w.key})
}

// clip uploads a clip and returns its id.
func (w *world) clip() string {
	w.Helper()
	r := w.upload("/v1/clips?name=greeting", "audio/wav", wav(time.Second))
	require.Equal(w, http.StatusCreated, r.status, r.text)
	return r.id(w)
}

// campaign creates a campaign whose window is always open, and returns its id.
func (w *world) campaign() string {
	w.Helper()
	r := w.post("/v1/campaigns", `{"name":"test","clip":"`+w.clip()+`",`+allDay+`}`)
	require.Equal(w, http.StatusCreated, r.status, r.text)
	return r.id(w)
}

// empty checks that a folder holds no file.
func (w *world) empty(dir string) {
	w.Helper()
	require.NoError(w, fsWalk(dir, func(name string) { require.Fail(w, "a file is left behind", name) }))
}

func fsWalk(dir string, file func(string)) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			file(e.Name())
		} else if err := fsWalk(dir+"/"+e.Name(), file); err != nil {
			return err
		}
	}
	return nil
}

// refused checks that an answer is a problem of this kind, and that it repeats none of the secrets.
func (w *world) refused(r reply, status int, kind string, secrets ...string) map[string]any {
	w.Helper()
	require.Equal(w, status, r.status, r.text)
	require.Equal(w, "application/problem+json", r.header.Get("Content-Type"))
	p := r.decode(w)
	require.Equal(w, "urn:avanak:problem:"+kind, p["type"], r.text)
	require.EqualValues(w, status, p["status"])
	require.NotEmpty(w, p["title"])
	require.NotContains(w, r.text, "$schema")
	for _, s := range secrets {
		require.NotContains(w, r.text, s, "the answer repeats what was sent")
	}
	return p
}

// wav is silence as PCM of 16 bits at 8 kHz.
func wav(length time.Duration) string {
	samples := make([]byte, 16*length.Milliseconds())
	return riff(wavHeader{tag: 1, channels: 1, rate: 8000, bits: 16}, samples, len(samples))
}

type wavHeader struct {
	tag, channels uint16
	rate          uint32
	bits          uint16
}

// riff builds a WAV file; claimed is what its data chunk says of its size.
func riff(h wavHeader, data []byte, claimed int) string {
	var b bytes.Buffer
	le := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // into memory
	b.WriteString("RIFF")
	le(uint32(36 + claimed))
	b.WriteString("WAVEfmt ")
	le(uint32(16))
	align := h.channels * h.bits / 8
	le(h.tag)
	le(h.channels)
	le(h.rate)
	le(h.rate * uint32(align))
	le(align)
	le(h.bits)
	b.WriteString("data")
	le(uint32(claimed))
	b.Write(data)
	return b.String()
}
