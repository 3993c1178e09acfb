package api

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func TestScrub(t *testing.T) {
	for in, want := range map[string]string{
		"a campaign that is done cannot become running": "a campaign that is done cannot become running",
		"at most 10000000 recipients":                   "at most 10000000 recipients",
		`zone "Mars/09120000001" is none`:               "zone … is none",
		`zone "open end 1`:                              "zone …",
		"call +989120000001 now":                        "call +… now",
		"call ۰۹۱۲۰۰۰۰۰۰۱":                              "call …",
		"two\nlines\x00":                                "twolines",
		"":                                              "",
		"96 channels and may have 1 or 2":               "96 channels and may have 1 or 2",
	} {
		require.Equal(t, want, scrub(in))
	}
}

func TestScrubLocation(t *testing.T) {
	for in, want := range map[string]string{
		"body.retry.busy":                 "body.retry.busy",
		"body.numbers[9999]":              "body.numbers[9999]",
		"header.Idempotency-Key":          "header.Idempotency-Key",
		"body.91200":                      "body.?",
		"body.+98":                        "body.?",
		"body.سلام":                       "body.?",
		"body." + strings.Repeat("x", 41): "body.?",
		"a.b.c.d.e.f.g.h.i.j":             "a.b.c.d.e.f.g.h.?",
	} {
		require.Equal(t, want, scrubLocation(in))
	}
}

func FuzzScrub(f *testing.F) {
	for _, seed := range []string{"", `a "b" c`, "+989120000001", "۰۹۱۲۰۰۰۰۰۰۱", "\xff\"", "09120000\xdb0001A", "body.09120000001[3]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []string{scrub(text), scrubLocation(text)} {
			require.LessOrEqual(t, digitRun(got), maxDigits)
			require.LessOrEqual(t, len(got), max(maxText+len("…"), 8*41+2))
			require.False(t, strings.ContainsFunc(got, unicode.IsControl))
		}
		require.NotContains(t, scrub(text), `"`)
	})
}

func FuzzInert(f *testing.F) {
	for _, seed := range []string{"", "+989120000001", "+1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "-1", "\t=1", "\r=1", "delivered"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		got := inert(cell)
		require.True(t, got == cell || got == "'"+cell)
		if got == "" {
			return
		}
		require.NotContains(t, "=@-\t\r\n", got[:1])
		if got[0] == '+' {
			require.Empty(t, strings.Trim(got[1:], "0123456789"))
		}
	})
}
