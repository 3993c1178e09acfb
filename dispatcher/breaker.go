package dispatcher

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/avanak/avanak"
)

// A dead trunk must not eat a campaign: each call placed over it ends a recipient as uncertain, or uses up a try.
const (
	// breakAfter is how many calls in a row the trunk must fail, without any word of a callee in between, and half of all.
	breakAfter = 10
	// breakFor is how long the trunk then rests before a single call probes it.
	breakFor = 15 * time.Second
	// probeWait is how long a probe's end is awaited: longer than it takes until nothing has come of it (Config.Stale, and 32 s
	// of silence, RFC 3261 section 17.1.1.2). What goes on by then rings or is heard, and may go on for minutes.
	probeWait = time.Minute
	// maxRest is the longest rest that the trunk may ask for (Retry-After, RFC 3261 section 20.33).
	maxRest = 5 * time.Minute
	// rowSpan is how many calls may go while a row counts: one that is less than half of them by then is forgotten. A
	// refusal is back at once and a callee takes his time, so that a row alone says little of a trunk that many calls went
	// over meanwhile: one barred number in ten would close it before its first callee has picked up.
	rowSpan = 4 * breakAfter
	// pauseAfter is how many calls in a row the trunk must refuse us; a wrong password shows at the first.
	pauseAfter = 5
	// pauseFor is the first wait before a paused trunk is probed; each probe that is refused doubles it, up to maxPause.
	pauseFor = time.Minute
	maxPause = 15 * time.Minute
)

// mode is what a breaker lets through.
type mode uint8

const (
	modeFlowing mode = iota // calls go
	modeResting             // none until a time, then one at a time
	modePaused              // the same, and only a callee's word ends it
)

// breaker closes a trunk that fails, or refuses us, and lets one call at a time find out whether it works again. Only that
// call's end counts then: those that were on their way when it closed say what was, not what is. It belongs to the
// planner's goroutine.
type breaker struct {
	mode    mode
	asked   bool          // it rests because it asked to, and for no other reason: no probe is needed
	failed  int           // calls that the trunk could not carry or said nothing to, in a row
	refused int           // calls in which the trunk refused us, in a row
	placed  int           // calls that went since the row began
	since   time.Time     // when the row began: what a callee said before it is no news
	until   time.Time     // no call before it, unless calls flow
	pause   time.Duration // the last wait of a paused trunk
	probing bool          // a call is finding out
	probed  time.Time     // since when
}

// closed tells whether the trunk is closed for calls, and for how much longer at least.
func (b *breaker) closed(now time.Time) (time.Duration, bool) {
	switch {
	case b.mode == modeFlowing:
		return 0, false
	case b.probing:
		return max(b.probed.Add(probeWait).Sub(now), time.Millisecond), true // its end wakes the planner as well
	case now.Before(b.until):
		return b.until.Sub(now), true
	}
	return 0, false
}

// lapse ends a rest that the trunk measured out itself, and tells whether it did: it said when it wants calls again.
func (b *breaker) lapse(now time.Time) bool {
	if !b.asked || now.Before(b.until) {
		return false
	}
	b.mode, b.asked = modeFlowing, false // the row goes on: if it does not want them, it will not be long
	return true
}

// outlived ends the wait for a probe that goes on, and tells whether it did: the far end has taken that call.
func (b *breaker) outlived(now time.Time) bool {
	if !b.probing || now.Sub(b.probed) < probeWait {
		return false
	}
	*b = breaker{}
	return true
}

// took notes that a call goes over the trunk, and tells whether it is a probe.
func (b *breaker) took(now time.Time) bool {
	if b.probing = b.mode != modeFlowing; b.probing {
		b.probed = now
	}
	if b.placed++; b.placed >= rowSpan && !b.most(b.failed+b.refused) {
		b.failed, b.refused = 0, 0
	}
	return b.probing
}

// most tells whether a row is at least half of the calls that went meanwhile.
func (b *breaker) most(row int) bool { return 2*row >= b.placed }

// ended takes in how a call ended, and says why the breaker changed, where it did.
func (b *breaker) ended(now time.Time, probe bool, r avanak.Report) (why string) {
	if probe {
		b.probing = false
	}
	class := classOf(r)
	switch {
	case class.Callee():
		return b.spoke(probe, r)
	case class == avanak.ClassFault:
		return b.fault(now, probe, r)
	case class == avanak.ClassCongestion, class == avanak.ClassSilent:
		return b.fail(now, probe, class, r)
	case probe:
		return whyProbeUnused
	}
	return ""
}

// spoke takes in a callee's word: the trunk works, as far as the word is news.
func (b *breaker) spoke(probe bool, r avanak.Report) string {
	if b.mode != modeFlowing {
		if !probe {
			return ""
		}
		*b = breaker{}
		return whyWorks
	}
	said := r.Timeline.Answered
	if said.IsZero() {
		said = r.Timeline.Ended
	}
	if said.IsZero() || !said.Before(b.since) {
		*b = breaker{}
	}
	return ""
}

// fail takes in a call that the trunk could not carry. Retry-After closes the whole trunk, whichever of its targets said
// so: the one word of a carrier that is known to be about load is heeded too much rather than too little.
func (b *breaker) fail(now time.Time, probe bool, class avanak.Class, r avanak.Report) string {
	b.count(now, &b.failed)
	asked := time.Duration(0)
	if class == avanak.ClassCongestion {
		asked = min(r.RetryAfter, maxRest)
	}
	switch {
	case b.mode == modePaused && probe: // what it refused us for is not known to be mended
		b.rest(now, max(b.pause, asked))
		return whyProbeFailed
	case b.mode == modePaused:
		return ""
	case probe:
		b.rest(now, max(breakFor, asked))
		return whyProbeFailed
	case b.failed >= breakAfter && b.most(b.failed) && (b.mode == modeFlowing || b.asked):
		b.mode, b.asked = modeResting, false
		b.rest(now, max(breakFor, asked))
		return whyFailures
	case asked > 0:
		// Where it asked for longer than we wait, we come before its time: with one call.
		b.asked = (b.asked || b.mode == modeFlowing) && r.RetryAfter <= maxRest
		b.mode = modeResting
		b.rest(now, asked)
		return whyRetryAfter
	}
	return ""
}

// fault takes in a call in which the trunk refused us. Our settings do not mend themselves: probes are rare.
func (b *breaker) fault(now time.Time, probe bool, r avanak.Report) string {
	b.count(now, &b.refused)
	why, enough := whyRefused, b.refused >= pauseAfter && b.most(b.refused)
	if s := r.Result.SIP; s == http.StatusUnauthorized || s == http.StatusProxyAuthRequired { // SIP's mean the same
		why, enough = whyUnauthorised, true
	}
	switch {
	case b.mode == modePaused && probe:
		b.pause = min(2*b.pause, maxPause)
		b.rest(now, b.pause)
		return whyProbeFailed
	case b.mode == modePaused:
		return ""
	case enough:
		b.mode, b.asked, b.pause = modePaused, false, pauseFor
		b.rest(now, b.pause)
		return why
	case probe:
		b.rest(now, breakFor)
		return whyProbeFailed
	}
	return ""
}

// count counts a call in a row that it may begin.
func (b *breaker) count(now time.Time, row *int) {
	if b.failed+b.refused == 0 {
		b.since, b.placed = now, 0
	}
	*row++
}

// rest closes the trunk for d and up to a tenth more, so that those who share a carrier do not come back together. It
// never shortens a rest.
func (b *breaker) rest(now time.Time, d time.Duration) {
	until := now.Add(d + time.Duration(rand.Int64N(int64(d)/10+1))) //nolint:gosec // spreading, not secrecy
	if until.After(b.until) {
		b.until = until
	}
}

// classOf returns what the end of a leg says, and about whom. A report without a class is judged by its outcome, if
// anything left at all.
func classOf(r avanak.Report) avanak.Class {
	if r.Class != avanak.NoClass {
		return r.Class
	}
	if r.Timeline.Invited.IsZero() {
		return avanak.ClassUs
	}
	switch r.Result.Outcome {
	case avanak.Completed, avanak.Partial:
		return avanak.ClassAnswered
	case avanak.Busy, avanak.NoAnswer:
		return avanak.ClassAway
	case avanak.Rejected:
		return avanak.ClassRefused
	case avanak.Unwanted:
		return avanak.ClassUnwanted
	case avanak.InvalidNumber:
		return avanak.ClassNumber
	case avanak.Congestion:
		return avanak.ClassCongestion
	case avanak.Uncertain:
		return avanak.ClassSilent
	case avanak.TrunkFault:
		return avanak.ClassFault
	case avanak.NoOutcome, avanak.Failed, avanak.Aborted, avanak.Suppressed, avanak.Expired:
	}
	return avanak.ClassUs
}
