package demo

import (
	"errors"
	"fmt"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
)

// The bars.
const (
	minAnswered = 0.60             // share of the recipients
	fastPromise = 15 * time.Second // mean delivery of fast messages
)

// Check is one claim and what speaks against it; nothing does where it holds. Numbers in it are masked.
type Check struct {
	Claim    string
	Failures []string
}

func (c *Check) fail(format string, args ...any) {
	c.Failures = append(c.Failures, fmt.Sprintf(format, args...))
}

// Judge holds what the gateway said against what the callees saw.
func Judge(h History) []Check {
	heard := hearings(h.Calls, h.Golden)
	return []Check{h.listWasRead(), h.allCameToRest(), h.noneTwice(), h.noneForbidden(), h.enoughAnswered(heard),
		h.deliveredWasHeard(heard), playbackExact(heard), goldenHeard(heard), h.fastInTime(heard)}
}

// listWasRead: each row of the list is accounted for.
func (h History) listWasRead() Check {
	c := Check{Claim: "every row of the list is accounted for"}
	for _, f := range []struct {
		what      string
		got, want int
	}{
		{"rows", h.Receipt.Rows, h.List.Rows}, {"duplicates", h.Receipt.Duplicates, h.List.Duplicates},
		{"invalid rows", h.Receipt.Invalid, h.List.Invalid}, {"emergency numbers", h.Receipt.Emergency, h.List.Emergency},
		{"suppressed numbers", h.Receipt.Suppressed, 1}, {"recipients", h.Receipt.Recipients, len(h.List.Numbers)},
	} {
		if f.got != f.want {
			c.fail("the gateway counted %d %s, the list holds %d", f.got, f.what, f.want)
		}
	}
	return c
}

// allCameToRest: each number has one result and a terminal state, the states sum up, and no callee is still on the line.
func (h History) allCameToRest() Check {
	c := Check{Claim: "each recipient came to rest in one terminal state"}
	rows := make(map[avanak.Number]int, len(h.Rows))
	for _, row := range h.Rows {
		n, err := avanak.ParseNumber(row.Number)
		if err != nil {
			c.fail("the result of recipient %d has no number", row.Ordinal)
			continue
		}
		rows[n]++
		if !client.Terminal(row.State) {
			c.fail("recipient %s is left as %s", n, row.State)
		}
	}
	for _, n := range h.List.Numbers {
		if rows[n] != 1 {
			c.fail("recipient %s has %d results", n, rows[n])
		}
	}
	if len(h.Rows) != len(h.List.Numbers) {
		c.fail("there are %d results for %d recipients", len(h.Rows), len(h.List.Numbers))
	}
	sum := 0
	for _, n := range h.Campaign.States {
		sum += n
	}
	if sum != h.Campaign.Recipients || sum != len(h.Rows) {
		c.fail("the campaign's states sum up to %d, of %d recipients", sum, h.Campaign.Recipients)
	}
	live := 0
	for _, call := range h.Calls {
		if !call.Ended() {
			live++
		}
	}
	if live > 0 {
		c.fail("%d calls are still up at the callees", live)
	}
	return c
}

// attempts returns what the gateway recorded, by number.
func (h History) attempts() map[avanak.Number]int {
	recorded := make(map[avanak.Number]int, len(h.Rows)+len(h.Fast))
	for _, row := range h.Rows {
		if n, err := avanak.ParseNumber(row.Number); err == nil {
			recorded[n] = row.Attempts
		}
	}
	for _, m := range h.Fast {
		if n, err := avanak.ParseNumber(m.Number); err == nil {
			recorded[n] = m.Attempts
		}
	}
	return recorded
}

// twiceCalled returns those who were called more often than recorded, with the surplus. Every INVITE transaction counts but
// a digest retry, even where its Call-ID had been seen: each makes a phone ring.
func (h History) twiceCalled() map[avanak.Number]int {
	surplus := make(map[avanak.Number]int)
	for _, call := range h.Calls {
		if n, err := avanak.ParseNumber(call.Number); err == nil {
			surplus[n]++
		}
	}
	recorded := h.attempts()
	for n, calls := range surplus {
		if calls <= recorded[n] {
			delete(surplus, n)
		} else {
			surplus[n] = calls - recorded[n]
		}
	}
	return surplus
}

// noneTwice: nobody was called more often than recorded.
func (h History) noneTwice() Check {
	c := Check{Claim: "nobody was called more often than recorded"}
	twice := h.twiceCalled()
	for _, n := range sorted(twice) {
		c.fail("%s was called %d times more often than recorded", n, twice[n])
	}
	return c
}

// noneForbidden: no suppressed, emergency or foreign number rang.
func (h History) noneForbidden() Check {
	c := Check{Claim: "no suppressed, emergency or unknown number rang"}
	known := make(map[avanak.Number]bool, len(h.List.Numbers)+len(h.Fast))
	for _, n := range h.List.Numbers {
		known[n] = true
	}
	for _, m := range h.Fast {
		if n, err := avanak.ParseNumber(m.Number); err == nil {
			known[n] = true
		}
	}
	for _, call := range h.Calls {
		n, err := avanak.ParseNumber(call.Number)
		switch {
		case errors.Is(err, avanak.ErrEmergency):
			c.fail("an emergency number or short code was called")
		case err != nil:
			c.fail("something that is no number was called")
		case n == h.List.Suppressed:
			c.fail("the suppressed number %s was called", n)
		case !known[n]:
			c.fail("%s was called, whom nobody named", n)
		}
	}
	return c
}

// enoughAnswered: most recipients were answered.
func (h History) enoughAnswered(heard []Hearing) Check {
	c := Check{Claim: fmt.Sprintf("at least %.0f %% of the recipients answered", 100*minAnswered)}
	answered := h.answered(heard)
	if float64(answered) < minAnswered*float64(len(h.List.Numbers)) {
		c.fail("only %d of %d recipients answered", answered, len(h.List.Numbers))
	}
	return c
}

// answered counts the recipients who answered at least once, by the callees' log.
func (h History) answered(heard []Hearing) int {
	picked := make(map[avanak.Number]bool, len(heard))
	for _, e := range heard {
		picked[e.Number] = true
	}
	n := 0
	for _, number := range h.List.Numbers {
		if picked[number] {
			n++
		}
	}
	return n
}
