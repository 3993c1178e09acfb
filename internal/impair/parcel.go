package impair

import (
	"container/heap"
	"time"
)

// holdLimit is how long a reordered datagram waits for others to pass it: the last one of a burst must not stay for ever.
const holdLimit = 100 * time.Millisecond

// parcel is one datagram on its way, or a copy of it.
type parcel struct {
	client    *client
	direction Direction
	payload   []byte
	delay     time.Duration
	overtake  int // how many have still to pass it; 0 means that it is not held back

	// Of a parcel that waits.
	due   time.Time
	order uint64 // of arrival in the queue: what is due at one instant leaves in this order
	index int    // in the queue
}

// queue holds the parcels that wait, the earliest first. Its user locks.
type queue struct {
	limits  limits
	parcels []*parcel
	bytes   int
	order   uint64
}

// add makes p wait until due; false means that there is no room. It keeps a copy of the payload.
func (q *queue) add(p *parcel, due time.Time) bool {
	if len(q.parcels) >= q.limits.parcels || q.bytes+len(p.payload) > q.limits.bytes {
		return false
	}
	q.order++
	p.due, p.order, p.payload = due, q.order, append([]byte(nil), p.payload...)
	q.bytes += len(p.payload)
	heap.Push(q, p)
	return true
}

// take returns the earliest parcel if it is due, else nil.
func (q *queue) take(now time.Time) *parcel {
	if len(q.parcels) == 0 || q.parcels[0].due.After(now) {
		return nil
	}
	p := q.parcels[0]
	q.remove(p)
	return p
}

func (q *queue) remove(p *parcel) {
	heap.Remove(q, p.index)
	q.bytes -= len(p.payload)
}

// next is the instant at which the earliest parcel is due; false where none waits.
func (q *queue) next() (time.Time, bool) {
	if len(q.parcels) == 0 {
		return time.Time{}, false
	}
	return q.parcels[0].due, true
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (q *queue) Len() int { return len(q.parcels) }

// Less is of heap.Interface.
func (q *queue) Less(i, j int) bool {
	a, b := q.parcels[i], q.parcels[j]
	if a.due.Equal(b.due) {
		return a.order < b.order
	}
	return a.due.Before(b.due)
}

// Swap is of heap.Interface.
func (q *queue) Swap(i, j int) {
	q.parcels[i], q.parcels[j] = q.parcels[j], q.parcels[i]
	q.parcels[i].index, q.parcels[j].index = i, j
}

// Push is of heap.Interface.
func (q *queue) Push(x any) {
	p := x.(*parcel)
	p.index = len(q.parcels)
	q.parcels = append(q.parcels, p)
}

// Pop is of heap.Interface.
func (q *queue) Pop() any {
	last := len(q.parcels) - 1
	p := q.parcels[last]
	q.parcels[last] = nil
	q.parcels = q.parcels[:last]
	return p
}
