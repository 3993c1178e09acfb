package sip

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxRetryAfter bounds what we report of a Retry-After header.
const maxRetryAfter = 24 * time.Hour

// maxReason bounds the reason phrase that we report, in bytes.
const maxReason = 64

// Q.850 causes (ITU-T Q.850 table 1) that we send.
const (
	CauseNormal       = 16 // normal call clearing
	CauseIncompatible = 88 // incompatible destination: no common codec
)

// causeOf reads the Q.850 cause from the Reason headers (RFC 3326), 0 where there is none.
func causeOf(headers []sip.Header) int {
	for _, h := range headers {
		for value := range strings.SplitSeq(h.Value(), ",") {
			protocol, params, _ := strings.Cut(value, ";")
			if !strings.EqualFold(strings.TrimSpace(protocol), "Q.850") {
				continue
			}
			for param := range strings.SplitSeq(params, ";") {
				key, val, _ := strings.Cut(param, "=")
				if !strings.EqualFold(strings.TrimSpace(key), "cause") {
					continue
				}
				if n, err := strconv.ParseUint(strings.TrimSpace(val), 10, 7); err == nil {
					return int(n)
				}
			}
		}
	}
	return 0
}

// words is the reason phrase of a final response, cleaned. Where a Reason header adds that the network blocks our calls, the
// phrase says so too, since that changes what its status means (Classify).
func words(reason string, headers []sip.Header) string {
	clean := phrase(reason)
	if blocked(clean) {
		return clean
	}
	for _, h := range headers {
		if blocked(h.Value()) {
			return phrase("network blocked: " + reason)
		}
	}
	if blocked(reason) { // behind what phrase cuts off
		return phrase("network blocked: " + reason)
	}
	return clean
}

// q850 writes a Reason header with a Q.850 cause (RFC 3326).
func q850(cause int) sip.Header {
	return sip.NewHeader("Reason", "Q.850;cause="+strconv.Itoa(cause))
}

// retryAfter reads a Retry-After header (RFC 3261 section 20.33), 0 where there is none, at most maxRetryAfter.
func retryAfter(h sip.Header) time.Duration {
	if h == nil {
		return 0
	}
	digits := strings.TrimSpace(h.Value())
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	seconds, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		if len(digits) > 0 { // more seconds than fit
			return maxRetryAfter
		}
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// phrase makes a reason phrase fit for logs and reports: printable, short, and without runs of digits that may be
// somebody's number.
func phrase(s string) string {
	var b strings.Builder
	run := 0
	for _, r := range s {
		if b.Len() >= maxReason {
			break
		}
		if r >= '0' && r <= '9' {
			if run++; run > 4 {
				r = '*'
			}
		} else {
			run = 0
		}
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
