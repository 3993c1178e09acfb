package avanak

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // Iran left daylight saving in 2022; a machine's stale zone data must not move calls by an hour
)

// DefaultZone is the zone of windows that name none.
const DefaultZone = "Asia/Tehran"

// Window is the hours in which calling is allowed: from From to To (minutes after local midnight, To exclusive, 1440 for
// the day's end) on the given days. A Window whose To is not after its From spans no time: it is never open, so an
// empty value fails closed.
type Window struct {
	From, To int    // minutes after midnight, 0..1440
	Zone     string // IANA name; "" means DefaultZone
	Days     Days   // 0 means every day
}

// Days is a set of weekdays: bit 1<<time.Weekday.
type Days uint8

// Has tells whether the set holds d; the empty set holds all days.
func (d Days) Has(day time.Weekday) bool { return d == 0 || d&(1<<day) != 0 }

// DefaultWindow is for service messages whose sender names no hours: 07:00 to 23:00 in Tehran.
func DefaultWindow() Window { return Window{From: 7 * 60, To: 23 * 60, Zone: DefaultZone} }

// ParseClock reads "08:30" as minutes after midnight; "24:00" is the day's end.
func ParseClock(s string) (int, error) {
	if len(s) != 5 || s[2] != ':' {
		return 0, fmt.Errorf("%w: time %q must look like 08:30", ErrInvalid, s)
	}
	for i, c := range s {
		if i != 2 && (c < '0' || c > '9') {
			return 0, fmt.Errorf("%w: time %q must look like 08:30", ErrInvalid, s)
		}
	}
	h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if m > 59 || h > 24 || (h == 24 && m != 0) {
		return 0, fmt.Errorf("%w: time %q must be 00:00 to 24:00", ErrInvalid, s)
	}
	return h*60 + m, nil
}

// FormatClock writes minutes after midnight as ParseClock reads them.
func FormatClock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseDays reads day names ("sat", "sun", …) as a set; an empty list means every day.
func ParseDays(names []string) (Days, error) {
	var d Days
next:
	for _, n := range names {
		for i, known := range dayNames {
			if strings.EqualFold(n, known) {
				d |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("%w: day %q must be one of %s", ErrInvalid, n, strings.Join(dayNames[:], " "))
	}
	return d, nil
}

// Names lists the days of the set; nil for the empty set.
func (d Days) Names() []string {
	var names []string
	for i, n := range dayNames {
		if d&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// Validate names the first rule that the window breaks.
func (w Window) Validate() error {
	if w.From < 0 || w.To > 24*60 || w.From >= w.To {
		return fmt.Errorf("%w: a window must start before it ends, within 00:00 to 24:00 (%s to %s)", ErrInvalid,
			FormatClock(w.From), FormatClock(w.To))
	}
	_, err := w.location()
	return err
}

func (w Window) location() (*time.Location, error) {
	zone := w.Zone
	if zone == "" {
		zone = DefaultZone
	}
	if zone == "Local" {
		return nil, fmt.Errorf("%w: zone must be an IANA name such as %s", ErrInvalid, DefaultZone)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("%w: zone %q is not an IANA name such as %s", ErrInvalid, zone, DefaultZone)
	}
	return loc, nil
}

// Span returns the open interval that holds t, or else the next one after it; days that touch at midnight join. A
// window without an opening in the next eight days, or with an unknown zone, has none: ok is false, and nobody calls.
func (w Window) Span(t time.Time) (open, until time.Time, ok bool) {
	loc, err := w.location()
	if err != nil || w.From >= w.To {
		return time.Time{}, time.Time{}, false
	}
	local := t.In(loc)
	for d := range 9 {
		from, to := w.on(local, d-1, loc)
		if from.IsZero() || !to.After(t) {
			continue
		}
		open, until = from, to
		// A day that ends at midnight goes on where the next one starts at midnight; a week is as far as we look.
		for more := d; more < d+7; more++ {
			nextFrom, nextTo := w.on(local, more, loc)
			if nextFrom.IsZero() || !nextFrom.Equal(until) {
				break
			}
			until = nextTo
		}
		return open, until, true
	}
	return time.Time{}, time.Time{}, false
}

// on returns the window's interval on the local day that is offset days from t; zero where that day is not allowed.
func (w Window) on(t time.Time, offset int, loc *time.Location) (from, to time.Time) {
	y, m, day := t.Date()
	noon := time.Date(y, m, day+offset, 12, 0, 0, 0, loc)
	if !w.Days.Has(noon.Weekday()) {
		return time.Time{}, time.Time{}
	}
	return time.Date(y, m, day+offset, 0, w.From, 0, 0, loc), time.Date(y, m, day+offset, 0, w.To, 0, 0, loc)
}
