package siptest

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"time"
)

// The shares of a Mix, in hundredths of any run of a hundred numbers.
const (
	mixBusy      = 6  // always busy
	mixBusyOnce  = 6  // busy at every odd call, answers every even one: a retry succeeds
	mixNoAnswer  = 12 // rings until cancelled
	mixTrunkDown = 5  // 503 with Retry-After: 1
	mixHangUp    = 6  // answers, and hangs up after 1.5 to 2.5 s
)

// forced are the outcomes that the last three digits of a number ask for, for people who try the sandbox: the number
// +989120000486 is busy whatever the mix says.
var forced = map[string]Behaviour{
	"486": {Kind: Busy, ReasonCause: 17},
	"480": {Status: 480, ReasonCause: 18},
	"503": {Kind: Unavailable},
	"404": {Kind: NotFound, ReasonCause: 1},
	"603": {Kind: Decline, ReasonCause: 21},
	"408": {Kind: NoAnswer},
}

// Mix is the population of the sandbox trunk and the demo. Of any hundred consecutive numbers 65 answer after 0.3 to
// 1.5 s of ringing and stay on the line, 12 are busy (half of them answer at their second call), 12 do not answer, 5
// are refused with 503 and Retry-After: 1, and 6 answer and hang up early, after 1.5 to 2.5 s. Which number does what
// follows from seed and its last two digits, how fast from seed and its last ten; the same seed gives the same people.
//
// Numbers that end in 486, 480, 503, 404, 603 or 408 (no answer) do just that.
func Mix(seed uint64) func(number string, nth int) Behaviour {
	roles := deal(seed)
	return func(number string, nth int) Behaviour {
		if len(number) >= 3 {
			if b, ok := forced[number[len(number)-3:]]; ok {
				return b
			}
		}
		// Text that ends in no digits (anonymous callers' URIs) is one more number: the last.
		place, err := strconv.ParseUint(number[max(len(number)-2, 0):], 10, 8)
		if err != nil {
			place = 99
		}
		tail := number[max(len(number)-10, 0):]
		b := Behaviour{AnswerAfter: between(seed, tail+"/ring", 300*time.Millisecond, 1500*time.Millisecond)}
		switch r := roles[place]; {
		case r.oddOnly && nth%2 == 0:
		case r.kind == HangUp:
			b.Kind = HangUp
			b.HangUpAfter = between(seed, tail+"/talk", 1500*time.Millisecond, 2500*time.Millisecond)
		case r.kind == Busy:
			return forced["486"]
		case r.kind == NoAnswer:
			return forced["408"]
		case r.kind == Unavailable:
			return forced["503"]
		}
		return b
	}
}

// role is what the numbers of one place in a mix do.
type role struct {
	kind    Kind
	oddOnly bool // at odd calls only: every even one is answered
}

// deal gives the roles out to the last two digits.
func deal(seed uint64) [100]role {
	var roles [100]role // Answer
	i := 0
	for _, share := range [...]struct {
		role
		n int
	}{{role{kind: Busy}, mixBusy}, {role{kind: Busy, oddOnly: true}, mixBusyOnce}, {role{kind: NoAnswer}, mixNoAnswer},
		{role{kind: Unavailable}, mixTrunkDown}, {role{kind: HangUp}, mixHangUp}} {
		for range share.n {
			roles[i] = share.role
			i++
		}
	}
	rand.New(rand.NewPCG(seed, seed)).Shuffle(len(roles), func(a, b int) { //nolint:gosec // repeatable on purpose
		roles[a], roles[b] = roles[b], roles[a]
	})
	return roles
}

// between draws a duration from low to high by hash.
func between(seed uint64, key string, low, high time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatUint(seed, 10) + "/" + key))
	return low + time.Duration(h.Sum64()%uint64(high-low))
}
