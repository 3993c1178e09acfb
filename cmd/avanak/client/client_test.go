package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avanak/avanak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "avk_live_test"

// serve returns a client of a server with this handler.
func serve(t *testing.T, timeout time.Duration, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	c, err := New(Config{URL: server.URL, Key: testKey, Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	return c
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no address": {}, "no scheme": {URL: "127.0.0.1:8080"}, "other scheme": {URL: "ftp://host"},
		"password in the address": {URL: "http://user:secret@host"}, "query": {URL: "http://host/?a=b"},
		"key with a line break": {URL: "http://host", Key: "avk\nX-Other: 1"}, "unreadable": {URL: "http://[::1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(cfg)
			require.ErrorIs(t, err, avanak.ErrInvalid)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestRequestsAreWhatTheContractSays(t *testing.T) {
	type seen struct{ line, body, contentType, key string }
	var got seen
	c := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = seen{r.Method + " " + r.URL.String(), string(b), r.Header.Get("Content-Type"), r.Header.Get("Idempotency-Key")}
		if r.Header.Get("Authorization") != "Bearer "+testKey {
			t.Error("no key")
		}
		_, _ = io.WriteString(w, "{}")
	})
	const jsonType = "application/json"
	for name, tc := range map[string]struct {
		do   func(context.Context) error
		want seen
	}{
		"smallest campaign": {func(ctx context.Context) error {
			_, err := c.CreateCampaign(ctx, CampaignRequest{Name: "n", Clip: "clp_1"}, "once")
			return err
		}, seen{"POST /v1/campaigns", `{"name":"n","clip":"clp_1"}`, jsonType, "once"}},
		"whole campaign": {func(ctx context.Context) error {
			_, err := c.CreateCampaign(ctx, CampaignRequest{Name: "n", Clip: "c", Caller: "+98", OnUncertain: "redial",
				Window: &Window{From: "07:00", To: "23:00", Days: []string{"sat"}}, RingLimit: Duration(4 * time.Second),
				Retry: &Retry{MaxAttempts: 2, Busy: new(Duration(3 * time.Second)), NoAnswer: new(Duration(0))}}, "")
			return err
		}, seen{"POST /v1/campaigns", `{"name":"n","clip":"c","caller":"+98","window":{"from":"07:00","to":"23:00","days":["sat"]},` +
			`"retry":{"max_attempts":2,"busy":"3s","no_answer":"0s"},"ring_limit":"4s","on_uncertain":"redial"}`, jsonType, ""}},
		"page": {func(ctx context.Context) error {
			_, _, err := c.Campaigns(ctx, "abc", 7)
			return err
		}, seen{"GET /v1/campaigns?cursor=abc&limit=7", "", "", ""}},
		"id that tries to be a path": {func(ctx context.Context) error {
			_, err := c.Campaign(ctx, "../keys")
			return err
		}, seen{"GET /v1/campaigns/..%2Fkeys", "", "", ""}},
		"move": {func(ctx context.Context) error {
			_, err := c.Change(ctx, "cmp_1", Pause)
			return err
		}, seen{"POST /v1/campaigns/cmp_1/pause", "", "", ""}},
		"list": {func(ctx context.Context) error {
			_, err := c.Load(ctx, "cmp_1", NDJSON, strings.NewReader("{}"))
			return err
		}, seen{"POST /v1/campaigns/cmp_1/recipients", "{}", "application/x-ndjson", ""}},
		"clip": {func(ctx context.Context) error {
			_, err := c.AddClip(ctx, "سلام", strings.NewReader("RIFF"))
			return err
		}, seen{"POST /v1/clips?name=%D8%B3%D9%84%D8%A7%D9%85", "RIFF", "audio/wav", ""}},
		"message": {func(ctx context.Context) error {
			_, err := c.Send(ctx, MessageRequest{Clip: "c", Number: "0912", ExpiresIn: Duration(time.Minute)}, "k")
			return err
		}, seen{"POST /v1/messages", `{"clip":"c","number":"0912","expires_in":"1m0s"}`, jsonType, "k"}},
		"suppress": {func(ctx context.Context) error {
			_, err := c.Suppress(ctx, "1", "2")
			return err
		}, seen{"POST /v1/suppressions", `{"numbers":["1","2"]}`, jsonType, ""}},
		"unsuppress": {func(ctx context.Context) error { return c.Unsuppress(ctx, "1") },
			seen{"DELETE /v1/suppressions", `{"numbers":["1"]}`, jsonType, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, tc.do(t.Context()))
			require.Equal(t, tc.want, got)
		})
	}
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	c, err := New(Config{URL: address, Key: testKey})
	require.NoError(t, err)
	_, err = c.Clips(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorContains(t, err, "cannot reach the gateway at "+address+": dial tcp")
}

func TestAStandstillEndsTheRequest(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, 50*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	_, err := c.Clips(t.Context())
	close(release)
	require.ErrorIs(t, err, ErrUnreachable)
	require.Contains(t, err.Error(), "no byte moved for 50ms")
}

// trickle hands out its bytes one by one and lets the watchdog's time pass several times in all, never at once.
type trickle struct {
	left int
	tick *time.Ticker
}

func (r *trickle) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	<-r.tick.C
	r.left--
	b[0] = 'x'
	return 1, nil
}

func TestASlowUploadThatMovesIsLetLive(t *testing.T) {
	c := serve(t, 2*time.Second, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != 30 {
			t.Errorf("%d bytes, %v", n, err)
		}
		_, _ = io.WriteString(w, `{"total_rows":1}`)
	})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	receipt, err := c.Load(t.Context(), "cmp_1", CSV, &trickle{left: 30, tick: tick})
	require.NoError(t, err)
	require.Equal(t, 1, receipt.Rows)
}

func TestTheCallersOwnEnd(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	own := errors.New("pressed")
	c := serve(t, 0, func(_ http.ResponseWriter, r *http.Request) {
		cancel(own)
		<-r.Context().Done()
	})
	_, err := c.Clips(ctx)
	require.ErrorIs(t, err, own)
	require.NotErrorIs(t, err, ErrUnreachable)
}

type brokenFile struct{}

var errDisk = errors.New("disk broke")

func (brokenFile) Read([]byte) (int, error) { return 0, errDisk }

func TestTheCallersFileIsNotTheGatewaysFault(t *testing.T) {
	c := serve(t, 0, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	_, err := c.AddClip(t.Context(), "x", brokenFile{})
	require.ErrorIs(t, err, errDisk)
	require.NotErrorIs(t, err, ErrUnreachable)
}

func TestARedirectDoesNotCarryTheKeyAway(t *testing.T) {
	var visited bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer elsewhere.Close()
	c := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err := c.Clips(t.Context())
	problem, ok := errors.AsType[*Problem](err)
	require.True(t, ok)
	require.Contains(t, problem.Error(), "redirects")
	require.False(t, visited)
}

func TestAnswersThatNoGatewayGives(t *testing.T) {
	for name, body := range map[string]string{"a page": "<html>", "a list": "[]", "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, 0, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
			_, err := c.Campaign(t.Context(), "cmp_1")
			require.ErrorContains(t, err, "did not answer as a gateway does")
		})
	}
	t.Run("without end", func(t *testing.T) {
		c := serve(t, 0, func(w http.ResponseWriter, _ *http.Request) {
			block := bytes.Repeat([]byte(" "), 1<<20)
			for range maxAnswer>>20 + 1 {
				_, _ = w.Write(block)
			}
		})
		_, err := c.Campaign(t.Context(), "cmp_1")
		require.ErrorContains(t, err, "longer than")
	})
}

func TestRows(t *testing.T) {
	c := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("format") != "ndjson" {
			t.Error("other format")
		}
		_ = json.NewEncoder(w).Encode(Row{Ordinal: 0, State: "delivered"})
		_ = json.NewEncoder(w).Encode(Row{Ordinal: 1, State: "busy"})
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler) // the gateway dies in the middle
	})
	var states []string
	var last error
	for row, err := range c.Rows(t.Context(), "cmp_1") {
		if last = err; err == nil {
			states = append(states, row.State)
		}
	}
	require.Equal(t, []string{"delivered", "busy"}, states)
	require.ErrorIs(t, last, ErrUnreachable, "a stream that breaks off must not pass for a whole one")
}

func TestRowsRefuseGarbage(t *testing.T) {
	for name, body := range map[string]string{"no JSON": "x\n", "a line without end": strings.Repeat("x", maxRow+1)} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, 0, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
			n := 0
			for _, err := range c.Rows(t.Context(), "cmp_1") {
				require.Error(t, err)
				n++
			}
			require.Equal(t, 1, n)
		})
	}
}

func TestReadyTellsAlsoWhatIsNot(t *testing.T) {
	c := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("health needs no key")
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"ready":false,"draining":true,"store":"embedded"}`)
	})
	ready, err := c.Ready(t.Context())
	require.NoError(t, err)
	require.Equal(t, Readiness{Draining: true, Store: "embedded"}, ready)
}

func TestTerminal(t *testing.T) {
	for state, want := range map[string]bool{"pending": false, "dialling": false, "retry_wait": false, "delivered": true,
		"partial": true, "uncertain": true, "cancelled": true, "something new": false, "": false} {
		require.Equal(t, want, Terminal(state), state)
	}
}
