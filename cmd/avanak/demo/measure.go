package demo

import (
	"math"
	"slices"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/sip/siptest"
)

// Phase is a part of a call's way, measured many times.
type Phase struct {
	Name string
	Note string // where it begins and ends
	N    int
	P50, P95, P99,
	Max time.Duration
}

func newPhase(name, note string, values []time.Duration) Phase {
	return Phase{Name: name, Note: note, N: len(values), P50: percentile(values, 50), P95: percentile(values, 95),
		P99: percentile(values, 99), Max: percentile(values, 100)}
}

// percentile is the nearest-rank percentile: the smallest value that p % of all do not exceed; 0 of none.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	ordered := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(ordered))))
	return ordered[max(rank, 1)-1]
}

func meanOf(values []time.Duration) time.Duration {
	var sum time.Duration
	for _, v := range values {
		sum += v
	}
	return sum / time.Duration(max(len(values), 1))
}

// phases measures what the callees saw. Ring time and talk time are the callees' own and no part of it.
func (h History) phases(heard []Hearing) []Phase {
	var acked, gaps, jitter, clip []time.Duration
	for _, e := range heard {
		if !e.Call.AckAt.IsZero() {
			acked = append(acked, e.Call.AckAt.Sub(e.Call.AnsweredAt))
		}
		if !e.FirstAt.IsZero() {
			clip = append(clip, e.FirstAt.Sub(e.Call.AnsweredAt))
		}
		if e.Complete {
			gaps, jitter = append(gaps, e.Heard.MaxGap), append(jitter, e.Heard.Jitter)
		}
	}
	return []Phase{
		newPhase("Fast: request to INVITE", "the customer's request leaves → INVITE at the callee", h.fastInvites()),
		newPhase("Fast: delivery", "as above, and answer → first word; ring time apart", h.fastDeliveries(heard)),
		newPhase("Answer to ACK", "200 sent → ACK at the callee", acked),
		newPhase("Answer to first sound", "200 sent → first RTP packet", firstRTP(heard)),
		newPhase("Answer to first word", "200 sent → first packet of the clip, behind the lead-in", clip),
		newPhase("Longest pause in a playback", "between two RTP packets; 20 ms is the ideal", gaps),
		newPhase("Jitter", "RFC 3550, at the end of each playback", jitter),
	}
}

// firstRTP returns how long after its 200 each callee got the first RTP packet.
func firstRTP(heard []Hearing) []time.Duration {
	var took []time.Duration
	for _, e := range heard {
		if e.Call.RTP.Packets > 0 {
			took = append(took, e.Call.RTP.FirstAt.Sub(e.Call.AnsweredAt))
		}
	}
	return took
}

// fastInvites returns how long after the customer's request left each fast message's first INVITE arrived.
func (h History) fastInvites() []time.Duration {
	first := firstCalls(h.Calls)
	var took []time.Duration
	for _, m := range h.Fast {
		n, _ := avanak.ParseNumber(m.Number) // 0 has no calls
		if call, ok := first[n]; ok {
			took = append(took, call.InviteAt.Sub(m.Sent))
		}
	}
	return took
}

// fastDeliveries returns what each fast message's delivery took that the gateway answers for: from the customer's request to
// ringing, and from the answer to the first word.
func (h History) fastDeliveries(heard []Hearing) []time.Duration {
	byNumber := make(map[avanak.Number]Hearing, len(heard))
	for _, e := range heard {
		byNumber[e.Number] = e
	}
	var took []time.Duration
	for _, m := range h.Fast {
		n, _ := avanak.ParseNumber(m.Number)
		e, ok := byNumber[n]
		if !ok || e.FirstAt.IsZero() {
			continue
		}
		ringing := e.Call.RingingAt
		if ringing.IsZero() {
			ringing = e.Call.AnsweredAt
		}
		took = append(took, ringing.Sub(m.Sent)+e.FirstAt.Sub(e.Call.AnsweredAt))
	}
	return took
}

// firstCalls returns each number's first call.
func firstCalls(calls []siptest.Call) map[avanak.Number]siptest.Call {
	first := make(map[avanak.Number]siptest.Call, len(calls))
	for _, c := range calls {
		n, err := avanak.ParseNumber(c.Number)
		if err != nil {
			continue
		}
		if before, seen := first[n]; !seen || c.InviteAt.Before(before.InviteAt) {
			first[n] = c
		}
	}
	return first
}

// perMinute is how many recipients a minute were dialled for the first time, between the first such INVITE and the last.
func (h History) perMinute() float64 {
	first := firstCalls(h.Calls)
	var at []time.Time
	for _, n := range h.List.Numbers {
		if c, ok := first[n]; ok {
			at = append(at, c.InviteAt)
		}
	}
	if len(at) < 2 {
		return 0
	}
	slices.SortFunc(at, time.Time.Compare)
	span := at[len(at)-1].Sub(at[0])
	if span <= 0 {
		return 0
	}
	return float64(len(at)-1) / span.Minutes()
}

// tolerance is how much closer two INVITEs may come to each other on their way (DESIGN, I8).
const tolerance = 5 * time.Millisecond

// densest is the most INVITEs in any closed second, by the callees' kernel; digest retries count.
func densest(calls []siptest.Call) int {
	var at []time.Time
	for _, c := range calls {
		for _, i := range c.Invites {
			at = append(at, i.At)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	most, from := 0, 0
	for to := range at {
		for at[to].Sub(at[from]) > time.Second-tolerance {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// pace counts INVITEs per second since the first.
func pace(calls []siptest.Call) []int {
	var seconds []int
	for _, c := range calls {
		s := int(c.InviteAt.Sub(calls[0].InviteAt) / time.Second)
		for len(seconds) <= max(s, 0) {
			seconds = append(seconds, 0)
		}
		seconds[max(s, 0)]++
	}
	return seconds
}
