package api

import (
	"strings"
	"unicode"
)

const (
	maxDigits = 8   // longer runs of digits may be a number
	maxText   = 300 // bytes of a text from elsewhere
)

// scrub makes a text that comes from elsewhere fit for an answer: what stands in double quotes is what somebody submitted, and
// becomes an ellipsis, as what may be a number does. What is left is cut to maxText.
func scrub(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	var out strings.Builder
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 {
			part = "…"
		}
		out.WriteString(part)
	}
	text = masked(out.String())
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// masked replaces long runs of digits, in any script, by an ellipsis: any of them may be a number.
func masked(text string) string {
	var out, digits strings.Builder
	run := 0
	flush := func() {
		if run > maxDigits {
			digits.Reset()
			digits.WriteString("…")
		}
		out.WriteString(digits.String())
		digits.Reset()
		run = 0
	}
	for _, r := range text {
		if unicode.IsDigit(r) {
			digits.WriteRune(r)
			run++
			continue
		}
		flush()
		out.WriteRune(r)
	}
	flush()
	return out.String()
}

// scrubLocation keeps a location whose names are ordinary field names; others are the client's own text and may hold
// anything, so they become "?".
func scrubLocation(location string) string {
	parts := strings.Split(location, ".")
	for i, part := range parts {
		if len(part) > 40 || strings.ContainsFunc(part, func(r rune) bool { return !fieldRune(r) }) || digitRun(part) > 4 {
			parts[i] = "?"
		}
	}
	if len(parts) > 8 {
		return strings.Join(parts[:8], ".") + ".?"
	}
	return strings.Join(parts, ".")
}

// digitRun is the length of the longest run of digits.
func digitRun(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		if run++; !unicode.IsDigit(r) {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

func fieldRune(r rune) bool {
	return r == '_' || r == '-' || r == '[' || r == ']' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
