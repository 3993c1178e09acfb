package demo

import (
	"math"
	"time"

	"github.com/avanak/avanak/cmd/avanak/client"
)

// Summary is summary.json. Its fields and their order are for programs: they stay.
type Summary struct {
	Recipients    int            `json:"recipients"`
	Duplicates    int            `json:"duplicates"`
	Invalid       int            `json:"invalid"`
	Emergency     int            `json:"emergency"`
	Suppressed    int            `json:"suppressed"`
	States        map[string]int `json:"states"`
	Attempts      int            `json:"attempts"`
	Answered      int            `json:"answered"`        // recipients, by the callees' log
	HeardComplete int            `json:"heard_complete"`  // calls, fast messages included
	HeardBitExact int            `json:"heard_bit_exact"` // of these
	TwiceCalled   int            `json:"twice_called"`    // recipients called more often than recorded
	Fast          FastSummary    `json:"fast"`
	PerMinute     float64        `json:"messages_per_minute"`          // recipients first dialled
	FirstRTP      float64        `json:"first_rtp_p99_ms"`             // 200 sent → first RTP packet, at the callee
	FastInvite    float64        `json:"fast_accept_to_invite_p99_ms"` // customer's request sent → INVITE at the callee
	Store         string         `json:"store"`
	Durability    string         `json:"durability"`
	Seconds       float64        `json:"seconds"` // the demo took
	Failures      []string       `json:"failures"`
	OK            bool           `json:"ok"`
}

// FastSummary is the delivery of the fast messages, ring time apart.
type FastSummary struct {
	N    int     `json:"n"` // delivered to the ear
	Mean float64 `json:"mean_s"`
	Max  float64 `json:"max_s"`
}

// summarise puts the figures together.
func summarise(h History, checks []Check, ready client.Readiness, took time.Duration) Summary {
	heard := hearings(h.Calls, h.Golden)
	fast := h.fastDeliveries(heard)
	s := Summary{Recipients: h.Campaign.Recipients, Duplicates: h.Receipt.Duplicates, Invalid: h.Receipt.Invalid,
		Emergency: h.Receipt.Emergency, Suppressed: h.Receipt.Suppressed, States: h.Campaign.States,
		Attempts: h.Campaign.Attempts, Answered: h.answered(heard), TwiceCalled: len(h.twiceCalled()),
		Fast:      FastSummary{N: len(fast), Mean: round(meanOf(fast).Seconds()), Max: round(percentile(fast, 100).Seconds())},
		PerMinute: round(h.perMinute()), FirstRTP: millis(percentile(firstRTP(heard), 99)),
		FastInvite: millis(percentile(h.fastInvites(), 99)), Store: ready.Store, Durability: ready.Durability,
		Seconds: round(took.Seconds()), Failures: []string{}}
	s.HeardComplete, s.HeardBitExact = counts(heard)
	for _, c := range checks {
		s.Failures = append(s.Failures, c.Failures...)
	}
	s.OK = len(s.Failures) == 0
	return s
}

// round keeps three decimals.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }

func millis(d time.Duration) float64 { return round(d.Seconds() * 1000) }
