package demo

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/cmd/avanak/console"
	"github.com/avanak/avanak/sip/siptest"
)

// fakeGateway is a gateway that gets no further than its front door.
type fakeGateway struct {
	*httptest.Server
	keyFile string
	asked   chan struct{} // closed at the first request
	die     error         // what Run returns after the first request; nil: it lives
}

func (g *fakeGateway) URL() string             { return g.Server.URL }
func (g *fakeGateway) OperatorKeyFile() string { return g.keyFile }
func (g *fakeGateway) Describe() []string      { return []string{"a fake"} }

func (g *fakeGateway) Run(ctx context.Context) error {
	defer g.Close()
	if g.die != nil {
		<-g.asked
		return g.die
	}
	<-ctx.Done()
	return nil
}

// rehearse runs the demo with a gateway whose API is answer, in a temporary directory of its own.
func rehearse(ctx context.Context, t *testing.T, die error, answer http.HandlerFunc) error {
	t.Helper()
	temporary, out := t.TempDir(), filepath.Join(t.TempDir(), "demo-out")
	t.Setenv("TMPDIR", temporary)
	start := func(_ context.Context, dir string, _ *siptest.Farm, _ *slog.Logger) (Gateway, error) {
		if answer == nil {
			return nil, die
		}
		g := &fakeGateway{keyFile: filepath.Join(dir, "key"), asked: make(chan struct{}), die: die}
		first := true // the customer asks one thing at a time
		g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if first {
				first = false
				close(g.asked)
			}
			answer(w, r)
		}))
		return g, os.WriteFile(g.keyFile, []byte("avk_live_x\n"), 0o600)
	}
	var text bytes.Buffer
	err := Run(ctx, Config{Out: out, Console: console.New(nil, &text, &text), Start: start})
	left, readErr := os.ReadDir(temporary)
	require.NoError(t, readErr)
	require.Empty(t, left, "the demo cleans up after itself")
	return err
}

func notReady(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(`{"ready":false}`))
}

func TestRunEndsWhereTheGatewayDoesNotStart(t *testing.T) {
	broken := errors.New("no redis")
	require.ErrorIs(t, rehearse(t.Context(), t, broken, nil), broken)
}

func TestRunEndsWithItsGateway(t *testing.T) {
	broken := errors.New("out of sockets")
	err := rehearse(t.Context(), t, broken, notReady)
	require.ErrorIs(t, err, errGone)
	require.ErrorIs(t, err, broken)
}

func TestRunCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, rehearse(ctx, t, nil, func(w http.ResponseWriter, r *http.Request) {
		notReady(w, r)
		cancel()
	}), context.Canceled)
}

func TestRunTellsWhatTheGatewayRefuses(t *testing.T) {
	err := rehearse(t.Context(), t, nil, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			_, _ = w.Write([]byte(`{"ready":true}`))
			return
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"detail":"not this one"}`))
	})
	require.ErrorContains(t, err, "upload the clip: not this one")
}
