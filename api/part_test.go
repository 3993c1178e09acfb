package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/queue"
)

func TestFullDiskIsUnavailable(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	require.NoError(t, err)
	s := &spool{full}
	defer s.close()
	err = s.fill(strings.NewReader("RIFF"))
	require.ErrorIs(t, err, avanak.ErrUnavailable)
	require.Equal(t, http.StatusServiceUnavailable, problemOf(err).Status)

	_, err = newSpool(t.TempDir() + "/gone")
	require.ErrorIs(t, err, avanak.ErrUnavailable)
}

func TestSpoolHasNoName(t *testing.T) {
	dir := t.TempDir()
	s, err := newSpool(dir)
	require.NoError(t, err)
	defer s.close()
	require.NoError(t, s.fill(strings.NewReader("RIFF")))
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names)
	stat, err := s.file.Stat()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), stat.Mode())
	for range 2 {
		r, err := s.start()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "RIFF", string(text))
	}
	broken := errors.New("broken")
	require.ErrorIs(t, s.fill(iotest.ErrReader(broken)), broken)
	require.NotErrorIs(t, s.fill(iotest.ErrReader(broken)), avanak.ErrUnavailable)
}

func TestTurnstileWaitsForAPlaceAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(turnstile, 1)
		leave, err := gate.pass(t.Context())
		require.NoError(t, err)
		_, err = gate.pass(t.Context())
		require.ErrorIs(t, err, avanak.ErrUnavailable)
		time.AfterFunc(turn/2, leave)
		leave, err = gate.pass(t.Context())
		require.NoError(t, err)
		leave()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		gate <- struct{}{}
		_, err = gate.pass(gone)
		require.ErrorIs(t, err, context.Canceled)
	})
}

// deadlines counts the read deadlines that are set.
type deadlines struct {
	http.ResponseWriter
	set int
}

func (d *deadlines) SetReadDeadline(time.Time) error {
	d.set++
	return nil
}

func TestBodySetsNoDeadlineBehindItsEnd(t *testing.T) {
	conn := &deadlines{}
	b := &body{from: io.NopCloser(strings.NewReader("x")), conn: http.NewResponseController(conn), patience: time.Second}
	text, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "x", string(text))
	set := conn.set
	require.Positive(t, set)
	n, err := b.Read(make([]byte, 1))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, set, conn.set)
}

func TestProblemOf(t *testing.T) {
	for _, tt := range []struct {
		err    error
		kind   string
		status int
		detail string
	}{
		{fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 64 << 20}), "too-large", 413, "64 MiB"},
		{fmt.Errorf("load: %w", &campaign.ListError{Line: 7, Reason: "NUL byte"}), "invalid-list", 422, ""},
		{fmt.Errorf("create: %w", campaign.ErrIdempotency), "idempotency-mismatch", 422, ""},
		{fmt.Errorf("send: %w", campaign.ErrSuppressed), "suppressed", 409, ""},
		{fmt.Errorf("send: %w", queue.ErrWindowClosed), "outside-window", 409, ""},
		{fmt.Errorf("send: %w", queue.ErrFull), "lane-full", 429, ""},
		{fmt.Errorf("load: %w: a campaign has at most 10000000", campaign.ErrTooMany), "too-large", 413, "at most 10000000"},
		{fmt.Errorf("load: %w: uploads under way fill the room", avanak.ErrLimited), "limit-reached", 429, "uploads under way"},
		{fmt.Errorf("campaign cmp_1: %w", avanak.ErrNotFound), "not-found", 404, ""},
		{fmt.Errorf("%w: a campaign that is done cannot be paused", avanak.ErrConflict), "conflict", 409, "a campaign that is done cannot be paused"},
		{fmt.Errorf("campaign cmp_1 exists: %w", avanak.ErrConflict), "conflict", 409, "its present state does not allow this"},
		{fmt.Errorf("%w: zone \"secret\" is none", avanak.ErrInvalid), "invalid-request", 422, "zone … is none"},
		{fmt.Errorf("redis: %w: %w", avanak.ErrUnavailable, os.ErrDeadlineExceeded), "unavailable", 503, ""},
		{context.DeadlineExceeded, "unavailable", 503, ""},
		{context.Canceled, "internal", statusGone, ""},
		{errors.New("disk 09120000001 on fire"), "internal", 500, "X-Request-Id"},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			p := problemOf(tt.err)
			require.Equal(t, "urn:avanak:problem:"+tt.kind, p.Type)
			require.Equal(t, tt.status, p.Status)
			require.Contains(t, p.Detail, tt.detail)
			require.NotContains(t, p.Detail, "cmp_1")
			require.NotContains(t, p.Detail, "secret")
			require.NotContains(t, p.Detail, "9120000")
			require.Equal(t, tt.status == 429 || tt.status == 503, p.header.Get("Retry-After") != "")
		})
	}
}

func TestMessageShowsItsLatencyOnceTheClipWasHeard(t *testing.T) {
	at := time.Date(2026, 1, 10, 12, 0, 0, 0, time.FixedZone("here", 3600))
	m := avanak.MessageStatus{State: avanak.Delivered, Attempts: 1,
		Result:   avanak.Result{Outcome: avanak.Completed, SIP: 200, Cause: 16, Started: at, Ring: 7500 * time.Millisecond},
		Timeline: avanak.Timeline{Accepted: at, Invited: at.Add(time.Second), Ringing: at.Add(2 * time.Second), Answered: at.Add(9 * time.Second)}}
	require.Nil(t, answerOfMessage(m).Latency)
	m.Timeline.FirstClip = at.Add(9500 * time.Millisecond)
	got := answerOfMessage(m)
	require.InDelta(t, 2.5, float64(*got.Latency), 0)
	require.InDelta(t, 7.5, float64(got.Ring), 0)
	require.Equal(t, "2026-01-10T11:00:00Z", got.Started.Format(time.RFC3339))
	require.Equal(t, "2026-01-10T11:00:00Z", got.Timeline.Accepted.Format(time.RFC3339))
	require.True(t, got.Timeline.LastRTP.IsZero())
}

func TestShortDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 3 * time.Second: "3s", time.Minute: "1m", 90 * time.Second: "1m30s", time.Hour: "1h",
		time.Hour + time.Second: "1h0m1s", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 10 * time.Hour: "10h", 1500 * time.Millisecond: "1.5s"} {
		require.Equal(t, want, short(d))
		back, err := time.ParseDuration(short(d))
		require.NoError(t, err)
		require.Equal(t, d, back)
	}
}
