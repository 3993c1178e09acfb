package sip

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestTargetNameIsLookedUpAndTheLastGoodAddressServes(t *testing.T) {
	var (
		lookups int
		answer  []netip.Addr
		fault   error
		now     = time.Unix(0, 0)
	)
	tg := newTarget("sip.example.com", 5070, false, func(ctx context.Context, host string) ([]netip.Addr, error) {
		lookups++
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		require.Equal(t, "sip.example.com", host)
		return answer, fault
	})
	tg.now = func() time.Time { return now }
	next := func() string {
		t.Helper()
		a, err := tg.next(t.Context())
		require.NoError(t, err)
		return a.String()
	}

	fault = errors.New("no such host")
	_, err := tg.next(t.Context())
	require.ErrorIs(t, err, fault)
	require.ErrorIs(t, err, errNoAddress)

	fault, answer = nil, []netip.Addr{netip.MustParseAddr("2001:db8::1")}
	_, err = tg.next(t.Context())
	require.ErrorIs(t, err, errNoAddress, "an address of the other family is none for us")

	answer = []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	require.Equal(t, "192.0.2.1:5070", next())
	require.Equal(t, 3, lookups)
	answer = []netip.Addr{netip.MustParseAddr("192.0.2.3")}
	require.Equal(t, "192.0.2.1:5070", next(), "held for lookupTTL")
	now = now.Add(lookupTTL)
	require.Equal(t, "192.0.2.3:5070", next())
	require.True(t, tg.holds(netip.MustParseAddr("192.0.2.3")))
	require.True(t, tg.holds(netip.MustParseAddr("::ffff:192.0.2.3")))
	require.False(t, tg.holds(netip.MustParseAddr("192.0.2.1")))
	now, fault, answer = now.Add(lookupTTL), errors.New("timeout"), nil
	require.Equal(t, "192.0.2.3:5070", next())
	require.Equal(t, "192.0.2.3:5070", next())
	require.Equal(t, 5, lookups, "a failed look-up is not repeated for each call")
}

func TestLibraryLogIsReducedToItsText(t *testing.T) {
	var out bytes.Buffer
	count := prometheus.NewCounter(prometheus.CounterOpts{Name: "x_total", Help: "Lines of the library."})
	log := newLibraryLogger(slog.New(slog.NewTextHandler(&out, nil)), count).With("req", "INVITE sip:+989120000001@x").WithGroup("g")
	log.Info("quiet")
	require.Empty(t, out.String())
	for range 100 {
		log.Error("failed to parse", "data", "INVITE sip:+989120000001@x")
	}
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")))
	require.Contains(t, out.String(), `level=WARN msg="sip library" text="failed to parse" skipped=0`)
	require.NotContains(t, out.String(), "912000")
}
