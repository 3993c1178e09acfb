package api

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/avanak/avanak"
)

// Readers of single fields. Each adds a fault for what it cannot read, and never repeats it.

// number reads a number in any usual spelling; "" is no number.
func (f *faults) number(location, text string) avanak.Number {
	if text == "" {
		return 0
	}
	n, err := avanak.ParseNumber(text)
	if err != nil {
		f.add(location, numberFault(err))
	}
	return n
}

func numberFault(err error) string {
	switch avanak.NumberFault(err) {
	case "emergency":
		return "is an emergency or short number, which is never called"
	case "destination":
		return "is a destination that is not open (abroad, or premium rate)"
	}
	return "must be an Iranian mobile or fixed-line number"
}

// duration reads "3s" or "30m" from least to most; "" is 0.
func (f *faults) duration(location, text string, least, most time.Duration) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		f.add(location, "must be a duration such as 3s or 30m")
	case d < least || d > most:
		f.add(location, fmt.Sprintf("must be %s to %s", short(least), short(most)))
	}
	return d
}

// short writes a duration as people do: "30m", not "30m0s".
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// key refuses idempotency keys that would not survive a proxy. (Their length is in the schema.)
func (f *faults) key(text string) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		f.add("header.Idempotency-Key", "must be printable ASCII")
	}
}

// clip checks the shape of a clip's id.
func (f *faults) clip(location, id string) {
	if !avanak.ValidID(avanak.ClipPrefix, id) {
		f.add(location, "must be the id of an uploaded clip")
	}
}

// name refuses what cannot be shown on one line. (Its length is in the schema.)
func (f *faults) name(location, text string) {
	if strings.TrimSpace(text) == "" || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r == unicode.ReplacementChar
	}) {
		f.add(location, "must be a line of text")
	}
}

// utc is a time as the API shows it; nil where there is none.
func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// e164 is a number as the API shows it; "" where there is none.
func e164(n avanak.Number) string {
	if n == 0 {
		return ""
	}
	return n.E164()
}
