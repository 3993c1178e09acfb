package media

import (
	"sync"
	"time"

	"github.com/avanak/avanak"
)

const (
	// watched is the span, in seconds, that the overload signal looks back.
	watched = 5
	// maxShift is the longest stall that a call is expected to bear; see DESIGN D6.
	maxShift = 60 * time.Millisecond
	// stallHold is how long one such stall keeps new calls off: long enough to see whether more follow.
	stallHold = time.Second
	// tolerated is the share of packets, in percent, that may be late enough for a shift: a wheel that cannot keep up
	// shifts a quarter of them and more, a machine that others disturb a few.
	tolerated = 5
	// overloadSample is how many packets make a percentile: with fewer, one hiccup of the machine is not an overload.
	overloadSample = 1000
)

// latenessEdges are the upper edges of the lateness counts, here and in the histogram: 5 ms is our goal for the 99th
// percentile, 20 ms costs a shift, 60 ms makes the node refuse calls.
var latenessEdges = [...]time.Duration{
	time.Millisecond / 2, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	20 * time.Millisecond, 40 * time.Millisecond, maxShift, 100 * time.Millisecond, 200 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
}

// lateness remembers how late the packets of the last seconds were. All instants are spans since the pacer's base.
type lateness struct {
	mu      sync.Mutex
	seconds [watched]latenessSecond // ring by second; guarded by mu
	shifted time.Duration           // when a stream last stalled for more than maxShift; guarded by mu
	stalled bool                    // whether one ever did; guarded by mu
}

// latenessSecond counts the packets of one second by lateness; the last count is for those beyond every edge.
type latenessSecond struct {
	second int64
	counts [len(latenessEdges) + 1]uint64
}

// record notes that packets left at most late after they were due, and how many streams stalled for over maxShift.
func (l *lateness) record(at, late time.Duration, packets, stalls uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	second := int64(at / time.Second)
	s := &l.seconds[second%watched]
	if s.second != second {
		*s = latenessSecond{second: second}
	}
	i := 0
	for i < len(latenessEdges) && late > latenessEdges[i] {
		i++
	}
	s.counts[i] += packets
	if stalls > 0 {
		l.shifted, l.stalled = at, true
	}
}

// percentile returns an upper bound of the lateness of that many percent of the watched packets, and how many packets
// those were. Past the last edge it returns that edge.
func (l *lateness) percentile(percent uint64, at time.Duration) (late time.Duration, packets uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var counts [len(latenessEdges) + 1]uint64
	for i := range l.seconds {
		if l.seconds[i].second <= int64(at/time.Second)-watched {
			continue
		}
		for j, n := range l.seconds[i].counts {
			counts[j] += n
			packets += n
		}
	}
	rank := packets - packets*(100-percent)/100
	var seen uint64
	for i, n := range counts {
		seen += n
		if n > 0 && seen >= rank {
			return latenessEdges[min(i, len(latenessEdges)-1)], packets
		}
	}
	return 0, packets
}

// overloaded tells whether play-out cannot keep up: a stream stalled for over maxShift just now, or more than the
// tolerated share of the watched packets was late enough for a shift.
func (l *lateness) overloaded(at time.Duration) bool {
	late, packets := l.percentile(100-tolerated, at)
	if packets >= overloadSample && late > avanak.FrameTime {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stalled && at-l.shifted < stallHold
}
