package main

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avanak/avanak/sip/siptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryCallerEndsItsCalls(t *testing.T) {
	for name, open := range map[string]func(context.Context, netip.AddrPort) (caller, error){"ours": newOurs, "bare": newBare} {
		t.Run(name, func(t *testing.T) {
			farm, err := siptest.New(siptest.Config{})
			require.NoError(t, err)
			farm.Start()
			defer farm.Close()
			c, err := open(t.Context(), farm.Addr())
			require.NoError(t, err)
			const calls = 20
			for _, hold := range []bool{false, true} {
				got := load{Rate: 200, Calls: calls, Hold: hold}.drive(t.Context(), c)
				require.Empty(t, got.Faults)
				require.Equal(t, calls, got.Ended)
				require.Equal(t, hold, got.Up == calls, "all are up at once: %d", got.Up)
				require.Positive(t, got.P50)
			}
			require.NoError(t, c.close(t.Context()))
			require.NoError(t, farm.WaitFor(t.Context(), func(c siptest.Counts) bool { return c.Calls == 2*calls && c.Live() == 0 }))
		})
	}
}

func TestARefusedCallIsAFault(t *testing.T) {
	farm, err := siptest.New(siptest.Config{Behave: func(string, int) siptest.Behaviour {
		return siptest.Behaviour{Kind: siptest.Busy}
	}})
	require.NoError(t, err)
	farm.Start()
	defer farm.Close()
	c, err := newOurs(t.Context(), farm.Addr())
	require.NoError(t, err)
	got := load{Rate: 100, Calls: 3, Hold: true}.drive(t.Context(), c)
	require.NoError(t, c.close(t.Context()))
	require.Equal(t, map[string]int{"invite: refused 486": 3}, got.Faults)
	require.Zero(t, got.Ended)
	require.Zero(t, got.Up)
}

// A slow start of one call must not shift the later ones: they are late, and the pace says so.
func TestPaceIsFixedBeforeTheFirstCall(t *testing.T) {
	var starts []time.Duration
	begin := time.Now()
	late := load{Rate: 100, Calls: 10}.pace(t.Context(), func(i int) {
		if i == 0 {
			time.Sleep(50 * time.Millisecond) // five turns
		}
		starts = append(starts, time.Since(begin))
	})
	require.Len(t, starts, 10)
	for i, at := range starts {
		require.GreaterOrEqual(t, at, time.Duration(i)*10*time.Millisecond, "never early")
	}
	require.GreaterOrEqual(t, late, 40*time.Millisecond, "the second call was due 10 ms after the first")
}

func TestPercentile(t *testing.T) {
	times := []time.Duration{5, 1, 3, 2, 4}
	require.Equal(t, time.Duration(3), percentile(times, 50))
	require.Equal(t, time.Duration(5), percentile(times, 99))
	require.Equal(t, time.Duration(5), percentile(times, 100))
	require.Zero(t, percentile(nil, 99))
}
