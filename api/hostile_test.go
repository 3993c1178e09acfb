package api_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/campaign"
)

func TestUnusableAudioLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	second := make([]byte, 16000)
	pcm := wavHeader{tag: 1, channels: 1, rate: 8000, bits: 16}
	with := func(change func(*wavHeader)) string {
		h := pcm
		change(&h)
		return riff(h, second, len(second))
	}
	for _, tt := range []struct{ name, body, says string }{
		{"empty", "", ""},
		{"claims more than there is", riff(pcm, second, 10*len(second)), "incomplete"},
		{"claims a gigabyte", riff(pcm, second, 1<<30), ""},
		{"0 Hz", with(func(h *wavHeader) { h.rate = 0 }), "0 Hz"},
		{"4 GHz", with(func(h *wavHeader) { h.rate = 1<<32 - 1 }), "Hz"},
		{"96 channels", with(func(h *wavHeader) { h.channels = 96 }), "96 channels"},
		{"no channels", with(func(h *wavHeader) { h.channels = 0 }), "0 channels"},
		{"floating point", with(func(h *wavHeader) { h.tag, h.bits = 3, 32 }), "floating point"},
		{"24 bits", with(func(h *wavHeader) { h.bits = 24 }), "24 bits"},
		{"ADPCM", with(func(h *wavHeader) { h.tag, h.bits = 2, 4 }), "ADPCM"},
		{"no audio", riff(pcm, nil, 0), ""},
		{"MP3 by another name", "ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x00" + strings.Repeat("\x00", 400), "MP3"},
		{"longer than ten minutes", wav(10*time.Minute + time.Second), "10m"},
		{"a script", "ffconcat version 1.0\nfile /etc/passwd\n", ""},
		{"header only", "RIFF\xff\xff\xff\xffWAVE", ""},
		{"a list of numbers", strings.Repeat("09120000001\n", 100), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := w.refused(w.upload("/v1/clips?name=x", "audio/wav", tt.body), http.StatusUnprocessableEntity, "invalid-audio", "9120000")
			require.Contains(t, p["detail"], tt.says)
			require.Contains(t, p["detail"], ": ", "the fix follows the reason")
		})
	}
	w.refused(w.upload("/v1/clips?name=x", "text/csv", wav(time.Second)), http.StatusUnsupportedMediaType, "unsupported-media")
	w.refused(w.upload("/v1/clips", "audio/wav", wav(time.Second)), http.StatusUnprocessableEntity, "invalid-request")
	w.refused(w.upload("/v1/clips?name=a%0Ab", "audio/wav", wav(time.Second)), http.StatusUnprocessableEntity, "invalid-request")
	w.refused(w.upload("/v1/clips?name="+strings.Repeat("a", 201), "audio/wav", wav(time.Second)), http.StatusUnprocessableEntity, "invalid-request", "aaa")
	require.JSONEq(t, `{"clips":[]}`, w.get("/v1/clips").text)
	w.empty(w.blobs)
	w.empty(w.temp)
}

func TestUploadIsStoredOnlyWhole(t *testing.T) {
	w := newWorld(t)
	broken := io.MultiReader(strings.NewReader(wav(time.Second)[:9000]), failing{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/v1/clips?name=x", broken)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.key)
	req.Header.Set("Content-Type", "audio/wav")
	_, err = w.client.Do(req) //nolint:bodyclose // there is no answer
	require.Error(t, err)
	require.JSONEq(t, `{"clips":[]}`, w.get("/v1/clips").text)
	require.Eventually(t, func() bool { return strings.Contains(w.logs.String(), `"route":"/v1/clips","status":4`) },
		10*time.Second, time.Millisecond, "the server sees that the body broke off")
	w.empty(w.blobs)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// endless yields a repeated line up to a limit, and watches the heap of this process meanwhile.
type endless struct {
	line  []byte
	since int
	left  atomic.Int64 // the transport may read on while the test looks
	peak  atomic.Uint64
}

func newEndless(line string, bytes int64) *endless {
	e := &endless{line: []byte(line)}
	e.left.Store(bytes)
	return e
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left.Load() <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(e.line) <= len(p) {
		n += copy(p[n:], e.line)
	}
	e.left.Add(int64(-n))
	if e.since += n; e.since > 16<<20 {
		e.since = 0
		e.peak.Store(max(e.peak.Load(), heap()))
	}
	return n, nil
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestOversizedUploadsAreCutAtTheLimit(t *testing.T) {
	const gigabyte = 1 << 30
	w := newWorld(t, func(o *options) { o.cfg.ListBytes = 24 << 20 })
	id := w.campaign()
	before := w.get("/v1/clips").text
	for _, tt := range []struct{ name, path, media, line, limit string }{
		{"clip", "/v1/clips?name=x", "audio/wav", "\x00", "64 MiB"},
		{"list", "/v1/campaigns/" + id + "/recipients", "text/csv", "09120000001\n", "24 MiB"},
		{"json", "/v1/messages", "application/json", " ", "1 MiB"},
	} {
		t.Run(tt.name+" of unknown length", func(t *testing.T) {
			base := heap()
			body := newEndless(strings.Repeat(tt.line, 100), gigabyte)
			r := w.send(request{method: http.MethodPost, path: tt.path, media: tt.media, body: body, key: w.key})
			p := w.refused(r, http.StatusRequestEntityTooLarge, "too-large", "9120000")
			require.Contains(t, p["detail"], tt.limit)
			require.Positive(t, body.left.Load(), "the server must not take it all")
			require.Less(t, body.peak.Load(), base+64<<20)
		})
		t.Run(tt.name+" of announced length", func(t *testing.T) {
			body := newEndless(tt.line, gigabyte)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+tt.path, body)
			require.NoError(t, err)
			req.ContentLength = gigabyte
			req.Header.Set("Content-Type", tt.media)
			req.Header.Set("Authorization", "Bearer "+w.key)
			res, err := w.client.Do(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
			require.Greater(t, body.left.Load(), int64(gigabyte-16<<20), "nothing is read of what is too large by its own word")
		})
	}
	require.Equal(t, before, w.get("/v1/clips").text)
	require.EqualValues(t, 0, w.get("/v1/campaigns/" + id).decode(t)["recipients"])
	w.empty(w.temp)
}

func TestBrokenListsAddNothing(t *testing.T) {
	w := newWorld(t, func(o *options) { o.campaigns = campaign.Config{MaxRecipients: 3} })
	id := w.campaign()
	path := "/v1/campaigns/" + id + "/recipients"
	good := "number\n09120000001\n09120000002\n"
	for _, tt := range []struct {
		name, media, body string
		line              int
	}{
		{"NUL byte", "text/csv", good + "0912\x000000003\n", 4},
		{"line of 1 MB", "text/csv", good + strings.Repeat("9120000", 1<<17) + "\n", 4},
		{"line of 1 MB without an end", "text/csv", good + strings.Repeat("1", 1<<20), 4},
		{"invalid UTF-8", "text/csv", good + "\xff\xfe0912\n", 4},
		{"UTF-16", "text/csv", "\xff\xfe0\x009\x00", 1},
		{"open quote", "text/csv", good + "\"09120000003\n", 4},
		{"unknown JSON field", "application/x-ndjson", `{"number":"09120000001"}` + "\n" + `{"number":"09120000002","paid":true}`, 2},
		{"number as a number", "application/x-ndjson", `{"number":9120000001}`, 1},
		{"not JSON", "application/x-ndjson", good, 1},
		{"array", "application/x-ndjson", `["09120000001"]`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := w.refused(w.upload(path, tt.media, tt.body), http.StatusUnprocessableEntity, "invalid-list", "9120000")
			require.EqualValues(t, tt.line, p["errors"].([]any)[0].(map[string]any)["line"], p)
			require.EqualValues(t, 0, w.get("/v1/campaigns/" + id).decode(t)["recipients"])
		})
	}
	for _, media := range []string{"", "application/json", "text/csv; charset=windows-1256", "multipart/form-data; boundary=x", ";"} {
		w.refused(w.upload(path, media, good), http.StatusUnsupportedMediaType, "unsupported-media")
	}
	w.refused(w.send(request{method: http.MethodPost, path: path, media: "text/csv", body: strings.NewReader(good), key: w.key,
		header: map[string]string{"Content-Encoding": "gzip"}}), http.StatusUnsupportedMediaType, "unsupported-media")
	w.refused(w.upload(path, "text/csv", good+"09120000003\n09120000004\n"), http.StatusRequestEntityTooLarge, "too-large", "9120000")
	require.EqualValues(t, 0, w.get("/v1/campaigns/" + id).decode(t)["recipients"])
	require.Equal(t, http.StatusOK, w.upload(path, "text/csv", good).status)
	require.EqualValues(t, 2, w.get("/v1/campaigns/" + id).decode(t)["recipients"])
}

func TestBadJSONIsRefusedByField(t *testing.T) {
	w := newWorld(t)
	clip := `"clip":"` + w.clip() + `"`
	const (
		campaigns = "/v1/campaigns"
		messages  = "/v1/messages"
	)
	for _, tt := range []struct {
		name, path, body string
		status           int
		where            string
	}{
		{"unknown field", campaigns, `{"name":"x",` + clip + `,"paid":true}`, 422, "body.paid"},
		{"tenant", campaigns, `{"name":"x",` + clip + `,"tenant":"two"}`, 422, "body.tenant"},
		{"unknown nested field", campaigns, `{"name":"x",` + clip + `,"retry":{"busy":"3s","forever":"1"}}`, 422, "body.retry.forever"},
		{"unknown field of a message", messages, `{"number":"09120000001",` + clip + `,"text":"9120000"}`, 422, "body.text"},
		{"field in other case", messages, `{"number":"09120000001","NUMBER":"09120000002",` + clip + `}`, 422, "body.NUMBER"},
		{"field named like a number", messages, `{"number":"09120000001",` + clip + `,"+989120000001":1}`, 422, "body.?"},
		{"number as a number", messages, `{"number":9120000001,` + clip + `}`, 422, "body.number"},
		{"missing number", messages, `{` + clip + `}`, 422, "body"},
		{"no number at all", messages, `{"number":"",` + clip + `}`, 422, "body.number"},
		{"name of another type", campaigns, `{"name":["9120000001"],` + clip + `}`, 422, "body.name"},
		{"name null", campaigns, `{"name":null,` + clip + `}`, 422, "body.name"},
		{"blank name", campaigns, `{"name":"  ",` + clip + `}`, 422, "body.name"},
		{"name with NUL", campaigns, `{"name":"a\u0000b",` + clip + `}`, 422, "body.name"},
		{"long name", campaigns, `{"name":"` + strings.Repeat("ن", 201) + `",` + clip + `}`, 422, "body.name"},
		{"window with a time that is none", campaigns, `{"name":"x",` + clip + `,"window":{"from":"9120000","to":"23:00"}}`, 422, "body.window.from"},
		{"window that ends first", campaigns, `{"name":"x",` + clip + `,"window":{"from":"23:00","to":"07:00"}}`, 422, "body.window"},
		{"unknown zone", campaigns, `{"name":"x",` + clip + `,"window":{"from":"07:00","to":"23:00","zone":"../9120000"}}`, 422, "body.window.zone"},
		{"unknown day", campaigns, `{"name":"x",` + clip + `,"window":{"from":"07:00","to":"23:00","days":["9120000"]}}`, 422, "body.window.days[0]"},
		{"window without an end", campaigns, `{"name":"x",` + clip + `,"window":{"from":"07:00"}}`, 422, "body.window"},
		{"duration that is none", campaigns, `{"name":"x",` + clip + `,"retry":{"busy":"9120000"}}`, 422, "body.retry.busy"},
		{"negative duration", campaigns, `{"name":"x",` + clip + `,"retry":{"no_answer":"-3s"}}`, 422, "body.retry.no_answer"},
		{"endless duration", campaigns, `{"name":"x",` + clip + `,"retry":{"congestion":"9120000h"}}`, 422, "body.retry.congestion"},
		{"too many attempts", campaigns, `{"name":"x",` + clip + `,"retry":{"max_attempts":9120000}}`, 422, "body.retry.max_attempts"},
		{"half an attempt", campaigns, `{"name":"x",` + clip + `,"retry":{"max_attempts":1.5}}`, 422, "body.retry.max_attempts"},
		{"ring for an hour", campaigns, `{"name":"x",` + clip + `,"ring_limit":"1h"}`, 422, "body.ring_limit"},
		{"unknown choice", campaigns, `{"name":"x",` + clip + `,"on_uncertain":"9120000"}`, 422, "body.on_uncertain"},
		{"foreign caller", campaigns, `{"name":"x",` + clip + `,"caller":"+4419120000"}`, 422, "body.caller"},
		{"SIP in the number", messages, `{"number":"09120000001@evil;x=9120000\r\nVia: x",` + clip + `}`, 422, "body.number"},
		{"emergency number", messages, `{"number":"110",` + clip + `}`, 422, "body.number"},
		{"expiry of a day", messages, `{"number":"09120000001",` + clip + `,"expires_in":"24h"}`, 422, "body.expires_in"},
		{"clip that is no id", messages, `{"number":"09120000001","clip":"../../9120000"}`, 422, "body.clip"},
		{"not JSON", messages, `{"number":"09120000001"`, 400, "body"},
		{"JSON and more", messages, `{"number":"09120000001",` + clip + `} {}`, 400, "body"},
		{"a list", messages, `["9120000001"]`, 422, "body"},
		{"a number", messages, `9120000001`, 422, "body"},
		{"a number that is too big", messages, `{"number":9120000001e999}`, 400, "body"},
		{"not UTF-8", messages, "{\"number\":\"0912\xff0000001\"}", 400, "body"},
		{"deep nesting", messages, strings.Repeat(`{"number":`, 20000), 400, "body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := w.refused(w.post(tt.path, tt.body), tt.status, "invalid-request", "9120000", "evil", "Via")
			require.Contains(t, locations(p), tt.where, p)
		})
	}
	w.refused(w.post(messages, ``), http.StatusBadRequest, "invalid-request")
	w.refused(w.upload(messages, "text/plain", `{}`), http.StatusUnsupportedMediaType, "unsupported-media")
	w.refused(w.upload(messages, "9120000/9120000", `{}`), http.StatusUnsupportedMediaType, "unsupported-media", "9120000")
	require.Equal(t, []string{"query.?"}, locations(w.refused(w.get("/v1/campaigns?9120000001=1"), 422, "invalid-request", "9120000")))
	w.refused(w.get("/v1/campaigns?limit=201"), 422, "invalid-request")
	w.refused(w.get("/v1/campaigns?limit=9120000001x"), 422, "invalid-request", "9120000")
	w.refused(w.get("/v1/campaigns?cursor=9120000001"), 422, "invalid-request", "9120000")
	w.refused(w.get("/v1/clips?cursor=9120000001"), 422, "invalid-request", "9120000")
	for _, key := range []string{strings.Repeat("k", 256), "نوروز"} {
		p := w.refused(w.send(request{method: http.MethodPost, path: campaigns, media: "application/json", key: w.key,
			body: strings.NewReader(`{"name":"x",` + clip + `}`), header: map[string]string{"Idempotency-Key": key}}), 422, "invalid-request", key)
		require.Equal(t, []string{"header.Idempotency-Key"}, locations(p))
	}
	require.JSONEq(t, `{"campaigns":[]}`, w.get(campaigns).text)
}

func TestAllFaultsAreNamedAtOnce(t *testing.T) {
	w := newWorld(t)
	p := w.refused(w.post("/v1/messages", `{"clip":"x","number":"abc","caller":"abc","ring_limit":"abc","expires_in":"abc",
		"retry":{"busy":"abc"},"window":{"from":"abc","to":"abc"}}`), 422, "invalid-request", "abc")
	require.ElementsMatch(t, []string{"body.clip", "body.number", "body.caller", "body.ring_limit", "body.expires_in", "body.retry.busy",
		"body.window.from", "body.window.to"}, locations(p))
}
