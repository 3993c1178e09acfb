package api_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClipsAreStoredAndListed(t *testing.T) {
	w := newWorld(t)
	r := w.upload("/v1/clips?name=%D8%B3%D9%84%D8%A7%D9%85", "audio/wav", wav(6420*time.Millisecond))
	require.Equal(t, http.StatusCreated, r.status, r.text)
	clip := r.decode(t)
	require.Equal(t, "سلام", clip["name"])
	require.Equal(t, "6.42s", clip["duration"])
	require.InDelta(t, 6.42, clip["seconds"], 0)
	require.EqualValues(t, 321, clip["frames"])
	require.EqualValues(t, 44+16*6420, clip["size"])
	require.Len(t, clip["sha256"], 64)
	require.NotContains(t, clip, "tenant")
	require.NotContains(t, clip, "$schema")
	require.Equal(t, "/v1/clips/"+r.id(t), r.header.Get("Location"))
	require.Equal(t, clip, w.get("/v1/clips/"+r.id(t)).decode(t))

	second := w.clip()
	page := w.get("/v1/clips?limit=1").decode(t)
	require.Len(t, page["clips"], 1)
	next, _ := page["next_cursor"].(string)
	require.NotEmpty(t, next)
	last := w.get("/v1/clips?limit=1&cursor=" + next).decode(t)
	require.Len(t, last["clips"], 1)
	require.NotContains(t, last, "next_cursor")
	require.NotEqual(t, page["clips"], last["clips"])
	require.Contains(t, w.get("/v1/clips").text, second)
}

func TestCampaignFromListToResults(t *testing.T) {
	w := newWorld(t)
	clip := w.clip()
	r := w.post("/v1/campaigns", `{"name":"Nowruz","clip":"`+clip+`","caller":"021 9100 0000","window":{"from":"00:00","to":"24:00",
		"days":["fri","sat","sun","mon","tue","wed","thu"]},"retry":{"max_attempts":2,"busy":"3s"},"ring_limit":"25s","on_uncertain":"redial"}`)
	require.Equal(t, http.StatusCreated, r.status, r.text)
	id, c := r.id(t), r.decode(t)
	require.Equal(t, "/v1/campaigns/"+id, r.header.Get("Location"))
	require.Equal(t, "loading", c["run"])
	require.Equal(t, "+982191000000", c["caller"])
	require.Equal(t, map[string]any{"max_attempts": 2., "busy": "3s", "no_answer": "30m", "congestion": "10s", "congestion_tries": 3.}, c["retry"])
	require.Equal(t, "25s", c["ring_limit"])
	require.Len(t, c["states"], 14)
	w.refused(w.post("/v1/campaigns/"+id+"/start", ""), http.StatusConflict, "conflict")

	list := "name,موبایل\r\nAli,۰۹۱۲۰۰۰۰۰۰۱\r\n\"Sa\r\nra\",+989120000002\r\nReza,9120000001\r\nX,110\r\nY,+441632960000\r\nZ,abc\r\n"
	r = w.upload("/v1/campaigns/"+id+"/recipients", "text/csv; charset=utf-8", list)
	require.Equal(t, http.StatusOK, r.status, r.text)
	require.JSONEq(t, `{"total_rows":6,"accepted":2,"suppressed":0,"duplicates":1,"invalid":1,"emergency":1,"destination":1,
		"rejected":[{"line":5,"reason":"duplicate"},{"line":6,"reason":"emergency"},{"line":7,"reason":"destination"},
		{"line":8,"reason":"invalid"}],"rejected_truncated":false,"recipients":2}`, r.text)
	r = w.upload("/v1/campaigns/"+id+"/recipients", "application/x-ndjson", `{"number":"09120000003"}`+"\n")
	require.Equal(t, http.StatusOK, r.status, r.text)

	for _, step := range []struct{ move, run string }{{"start", "running"}, {"pause", "paused"}, {"resume", "running"}, {"cancel", "cancelled"}} {
		r = w.post("/v1/campaigns/"+id+"/"+step.move, "")
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, step.run, r.decode(t)["run"])
	}
	p := w.refused(w.post("/v1/campaigns/"+id+"/pause", ""), http.StatusConflict, "conflict", id)
	require.Contains(t, p["detail"], "cancelled")
	c = w.get("/v1/campaigns/" + id).decode(t)
	require.EqualValues(t, 3, c["recipients"])
	require.EqualValues(t, 3, c["states"].(map[string]any)["cancelled"])
	require.EqualValues(t, 4, c["rejected"])
	require.EqualValues(t, 0, c["open"])
	require.Contains(t, w.get("/v1/campaigns?limit=10").text, id)

	r = w.get("/v1/campaigns/" + id + "/results")
	require.Equal(t, "application/x-ndjson", r.header.Get("Content-Type"))
	var numbers []string
	for s := bufio.NewScanner(strings.NewReader(r.text)); s.Scan(); {
		var row struct{ Number, State, Outcome string }
		require.NoError(t, json.Unmarshal(s.Bytes(), &row))
		require.Equal(t, "cancelled", row.State)
		require.Equal(t, "none", row.Outcome)
		numbers = append(numbers, row.Number)
	}
	require.Equal(t, []string{"+989120000001", "+989120000002", "+989120000003"}, numbers)
}

func TestRepeatedRequestsHaveNoSecondEffect(t *testing.T) {
	w := newWorld(t)
	clip := w.clip()
	for _, tt := range []struct {
		path, body, changed string
		first               int
	}{
		{"/v1/campaigns", `{"name":"a","clip":"` + clip + `"}`, `{"name":"b","clip":"` + clip + `"}`, http.StatusCreated},
		{"/v1/messages", `{"number":"09120000001","clip":"` + clip + `",` + allDay + `}`,
			`{"number":"09120000002","clip":"` + clip + `",` + allDay + `}`, http.StatusAccepted},
	} {
		t.Run(tt.path, func(t *testing.T) {
			send := func(body, key string) reply {
				return w.send(request{method: http.MethodPost, path: tt.path, media: "application/json", body: strings.NewReader(body),
					key: key, header: map[string]string{"Idempotency-Key": "order 17"}})
			}
			first := send(tt.body, w.key)
			require.Equal(t, tt.first, first.status, first.text)
			require.Empty(t, first.header.Get("Idempotency-Replayed"))
			again := send(tt.body, w.key)
			require.Equal(t, http.StatusOK, again.status, again.text)
			require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
			require.Equal(t, first.decode(t), again.decode(t))
			w.refused(send(tt.changed, w.key), http.StatusUnprocessableEntity, "idempotency-mismatch", "9120000002", "order 17")
			// Keys of another tenant are its own: the clip is what is wrong there.
			w.refused(send(tt.body, w.other), http.StatusUnprocessableEntity, "invalid-request")
		})
	}
}

func TestMessageIsAcceptedAndRead(t *testing.T) {
	w := newWorld(t)
	r := w.post("/v1/messages", `{"clip":"`+w.clip()+`","number":"0912-000-0001","expires_in":"60s","retry":{"max_attempts":3},`+allDay+`}`)
	require.Equal(t, http.StatusAccepted, r.status, r.text)
	m := r.decode(t)
	require.Equal(t, "+989120000001", m["number"])
	require.Equal(t, "pending", m["state"])
	require.NotContains(t, m, "latency_s")
	require.NotContains(t, m, "ended")
	accepted, err := time.Parse(time.RFC3339, m["accepted"].(string))
	require.NoError(t, err)
	expires, err := time.Parse(time.RFC3339, m["expires"].(string))
	require.NoError(t, err)
	require.Equal(t, time.Minute, expires.Sub(accepted))
	require.Equal(t, m, w.get("/v1/messages/"+r.id(t)).decode(t))
	w.refused(w.get("/v1/messages/msg_1"), http.StatusNotFound, "not-found")
}

func TestSuppressionsAreTheOperators(t *testing.T) {
	w := newWorld(t)
	as := func(key, method, path, body string) reply {
		return w.send(request{method: method, path: path, media: "application/json", body: strings.NewReader(body), key: key})
	}
	list := `{"numbers":["09120000001","+989120000001","۰۹۱۲۰۰۰۰۰۰۲"]}`
	w.refused(as(w.key, http.MethodPost, "/v1/suppressions", list), http.StatusForbidden, "forbidden", "9120000")
	w.refused(as(w.key, http.MethodDelete, "/v1/suppressions", list), http.StatusForbidden, "forbidden", "9120000")
	w.refused(as(w.key, http.MethodGet, "/v1/suppressions/09120000001", ""), http.StatusForbidden, "forbidden", "9120000")

	r := as(w.operator, http.MethodPost, "/v1/suppressions", list)
	require.Equal(t, http.StatusOK, r.status, r.text)
	require.JSONEq(t, `{"added":2}`, r.text)
	is := func(number string, want bool) {
		t.Helper()
		r := as(w.operator, http.MethodGet, "/v1/suppressions/"+number, "")
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, want, r.decode(t)["suppressed"])
	}
	is("+989120000001", true)
	is("9120000002", true)
	is("09120000003", false)
	w.refused(w.post("/v1/messages", `{"clip":"`+w.clip()+`","number":"09120000001",`+allDay+`}`), http.StatusConflict, "suppressed", "9120000")
	id := w.campaign()
	require.EqualValues(t, 1, w.upload("/v1/campaigns/"+id+"/recipients", "text/csv", "09120000001\n").decode(t)["suppressed"])

	require.Equal(t, http.StatusNoContent, as(w.operator, http.MethodDelete, "/v1/suppressions/09120000001", "").status)
	is("09120000001", false)
	require.Equal(t, http.StatusNoContent, as(w.operator, http.MethodDelete, "/v1/suppressions", list).status)
	is("09120000002", false)

	p := w.refused(as(w.operator, http.MethodPost, "/v1/suppressions", `{"numbers":["09120000001","110","91200000019120000001"]}`),
		http.StatusUnprocessableEntity, "invalid-request", "9120000")
	require.Equal(t, []string{"body.numbers[1]", "body.numbers[2]"}, locations(p))
	is("09120000001", false)
	w.refused(as(w.operator, http.MethodGet, "/v1/suppressions/91200000019120000001", ""), http.StatusUnprocessableEntity, "invalid-request", "9120000")
	w.refused(as(w.operator, http.MethodPost, "/v1/suppressions", `{"numbers":null}`), http.StatusUnprocessableEntity, "invalid-request")
}

// locations lists where a problem sees faults.
func locations(p map[string]any) []string {
	var all []string
	faults, _ := p["errors"].([]any)
	for _, f := range faults {
		at, _ := f.(map[string]any)["location"].(string)
		all = append(all, at)
	}
	return all
}
