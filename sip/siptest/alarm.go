package siptest

import (
	"container/heap"
	"net/netip"
	"time"
)

// alarm is something the loop does at an instant.
type alarm struct {
	at    time.Time
	run   func()
	index int // in the heap; -1 once rung or stopped
}

// alarms is the loop's queue of alarms, earliest first. Only the loop touches it.
type alarms struct{ heap alarmHeap }

func (q *alarms) after(d time.Duration, run func()) *alarm {
	a := &alarm{at: time.Now().Add(d), run: run}
	heap.Push(&q.heap, a)
	return a
}

// stop takes an alarm back; nil and alarms that have rung are fine.
func (q *alarms) stop(a *alarm) {
	if a != nil && a.index >= 0 {
		heap.Remove(&q.heap, a.index)
	}
}

// next is the instant of the earliest alarm; zero where there is none.
func (q *alarms) next() time.Time {
	if len(q.heap) == 0 {
		return time.Time{}
	}
	return q.heap[0].at
}

// ring runs all alarms that are due.
func (q *alarms) ring(now time.Time) {
	for len(q.heap) > 0 && !q.heap[0].at.After(now) {
		heap.Pop(&q.heap).(*alarm).run()
	}
}

type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *alarmHeap) Push(x any) {
	a := x.(*alarm)
	a.index = len(*h)
	*h = append(*h, a)
}
func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	a.index = -1
	return a
}

// repeater sends a message again and again, T1 apart and then doubling up to T2, until it is stopped or 64·T1 are over:
// the one schedule of 2xx (RFC 3261 §13.3.1.4), other finals (Timer G) and BYE (Timer E).
type repeater struct {
	farm   *Farm
	bytes  []byte
	to     netip.AddrPort
	wait   time.Duration
	until  time.Time
	giveUp func()
	next   *alarm
}

// repeat sends now and keeps repeating; giveUp is called once if nobody stops it in time.
func (f *Farm) repeat(bytes []byte, to netip.AddrPort, giveUp func()) *repeater {
	r := &repeater{farm: f, bytes: bytes, to: to, wait: f.cfg.T1, until: time.Now().Add(64 * f.cfg.T1), giveUp: giveUp}
	f.send(bytes, to)
	r.next = f.alarms.after(r.wait, r.again)
	return r
}

func (r *repeater) again() {
	if !time.Now().Before(r.until) {
		r.giveUp()
		return
	}
	r.farm.send(r.bytes, r.to)
	r.wait = min(2*r.wait, 8*r.farm.cfg.T1) // T2 = 8·T1 (4 s by default)
	r.next = r.farm.alarms.after(min(r.wait, time.Until(r.until)), r.again)
}

// stop ends the repeating; nil is fine.
func (r *repeater) stop() {
	if r != nil {
		r.farm.alarms.stop(r.next)
	}
}
