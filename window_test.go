package avanak_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avanak/avanak"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	instant, err := time.Parse("2006-01-02 15:04 -07:00", s)
	require.NoError(t, err)
	return instant
}

func TestWindowSpan(t *testing.T) {
	service := avanak.Window{From: 7 * 60, To: 23 * 60}
	weekend := avanak.Days(1<<time.Thursday | 1<<time.Friday)
	for name, tt := range map[string]struct {
		w               avanak.Window
		now, from, till string
	}{
		"open":                 {service, "2026-11-22 12:00 +03:30", "2026-11-22 07:00 +03:30", "2026-11-22 23:00 +03:30"},
		"before":               {service, "2026-11-22 06:59 +03:30", "2026-11-22 07:00 +03:30", "2026-11-22 23:00 +03:30"},
		"end is exclusive":     {service, "2026-11-22 23:00 +03:30", "2026-11-23 07:00 +03:30", "2026-11-23 23:00 +03:30"},
		"no summer time":       {service, "2026-07-01 22:59 +03:30", "2026-07-01 07:00 +03:30", "2026-07-01 23:00 +03:30"},
		"noon is noon":         {avanak.Window{From: 12 * 60, To: 13 * 60}, "2026-11-22 00:30 +03:30", "2026-11-22 12:00 +03:30", "2026-11-22 13:00 +03:30"},
		"utc":                  {avanak.Window{From: 60, To: 120, Zone: "UTC"}, "2026-11-22 04:00 +03:30", "2026-11-22 01:00 +00:00", "2026-11-22 02:00 +00:00"},
		"days":                 {avanak.Window{From: 0, To: 1440, Days: weekend}, "2026-11-22 12:00 +03:30", "2026-11-26 00:00 +03:30", "2026-11-28 00:00 +03:30"},
		"joined over midnight": {avanak.Window{From: 0, To: 1440, Days: weekend}, "2026-11-27 01:00 +03:30", "2026-11-27 00:00 +03:30", "2026-11-28 00:00 +03:30"},
	} {
		t.Run(name, func(t *testing.T) {
			from, till, ok := tt.w.Span(at(t, tt.now))
			require.True(t, ok)
			require.True(t, from.Equal(at(t, tt.from)), from)
			require.True(t, till.Equal(at(t, tt.till)), till)
		})
	}
}

func TestWindowFailsClosed(t *testing.T) {
	for name, w := range map[string]avanak.Window{
		"empty": {}, "backwards": {From: 100, To: 50}, "unknown zone": {To: 1440, Zone: "Asia/Nowhere"}, "machine's zone": {To: 1440, Zone: "Local"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, ok := w.Span(time.Now())
			require.False(t, ok)
			require.ErrorIs(t, w.Validate(), avanak.ErrInvalid)
		})
	}
}

// TestWindowSpanIsRight compares Span with the definition, minute by minute.
func TestWindowSpanIsRight(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		from := rapid.IntRange(0, 1439).Draw(rt, "from")
		w := avanak.Window{From: from, To: rapid.IntRange(from+1, 1440).Draw(rt, "to"), Days: avanak.Days(rapid.IntRange(0, 127).Draw(rt, "days")),
			Zone: rapid.SampledFrom([]string{"", "UTC", "Asia/Tehran", "Asia/Kolkata"}).Draw(rt, "zone")}
		now := time.Unix(1_790_000_000+rapid.Int64Range(0, 4*7*86400).Draw(rt, "now"), 0)
		open, until, ok := w.Span(now)
		require.True(rt, ok)
		require.True(rt, until.After(now))
		require.True(rt, until.After(open))
		require.Equal(rt, inside(w, now), !now.Before(open), "open now if and only if the clock says so")
		if now.Before(open) {
			for m := now; m.Before(open); m = m.Add(29 * time.Minute) {
				require.False(rt, inside(w, m), "nothing is open before it")
			}
		}
		require.True(rt, inside(w, until.Add(-time.Minute)))
		require.True(rt, until.Sub(open) >= 7*24*time.Hour || !inside(w, until), "it ends where it says")
	})
}

// inside is the definition of a window.
func inside(w avanak.Window, t time.Time) bool {
	zone := w.Zone
	if zone == "" {
		zone = avanak.DefaultZone
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return false
	}
	local := t.In(loc)
	minute := local.Hour()*60 + local.Minute()
	return w.Days.Has(local.Weekday()) && minute >= w.From && minute < w.To
}

func TestClockAndDays(t *testing.T) {
	for text, want := range map[string]int{"00:00": 0, "08:30": 510, "23:59": 1439, "24:00": 1440} {
		got, err := avanak.ParseClock(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, text, avanak.FormatClock(got))
	}
	for _, text := range []string{"", "8:30", "08:60", "24:01", "25:00", "0a:00", "08-30", "-1:00", "۰۸:۳۰"} {
		_, err := avanak.ParseClock(text)
		require.ErrorIs(t, err, avanak.ErrInvalid, text)
	}
	days, err := avanak.ParseDays([]string{"Sat", "sun"})
	require.NoError(t, err)
	require.Equal(t, []string{"sun", "sat"}, days.Names())
	_, err = avanak.ParseDays([]string{"someday"})
	require.ErrorIs(t, err, avanak.ErrInvalid)
}
