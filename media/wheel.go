package media

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/avanak/avanak"
)

const (
	tick  = time.Millisecond
	slots = int64(avanak.FrameTime / tick)
)

// wheel paces the streams of one goroutine: slot i holds those that are due at ticks i, i+20, i+40, … of the pacer's
// base. A tick is an absolute instant, so nothing drifts.
//
// Playbacks come in through the inbox. A new one is due a whole turn after its first packet, and a wheel that holds any
// stream wakes within a turn: so only a resting wheel needs to be woken for it.
type wheel struct {
	pacer *Pacer
	load  atomic.Int64  // streams, those in the inbox included
	wake  chan struct{} // one signal for a resting wheel; never closed

	mu      sync.Mutex
	inbox   []*Playback // guarded by mu; bounded by the sockets that the process may open
	resting bool        // guarded by mu
	ended   bool        // guarded by mu

	// What follows belongs to the wheel's goroutine.
	slots  [slots][]*Playback
	last   int64 // tick that was visited last
	packet []byte
	tally  tally
}

func newWheel(p *Pacer) *wheel {
	return &wheel{pacer: p, wake: make(chan struct{}, 1), packet: make([]byte, packetBytes)}
}

// add hands a playback over; false means that the wheel has ended.
func (w *wheel) add(b *Playback) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	w.inbox = append(w.inbox, b)
	w.load.Add(1)
	w.pacer.metrics.streams.Inc()
	if w.resting {
		w.resting = false
		w.wake <- struct{}{} // never blocks: the channel holds one, and a wheel rests again only after it took it
	}
	return true
}

// run turns the wheel until ctx ends.
func (w *wheel) run(ctx context.Context) {
	defer w.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		wait, busy := w.untilNext(time.Now())
		switch {
		case !busy && w.rest():
			select {
			case <-ctx.Done():
				return
			case <-w.wake:
			}
		case wait > 0:
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
		w.step(time.Now())
	}
}

// rest marks the wheel as sleeping without a deadline; false means that a playback has come in meanwhile.
func (w *wheel) rest() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resting = len(w.inbox) == 0
	return w.resting
}

// untilNext returns the time to the next slot that holds a stream; busy is false where none does.
func (w *wheel) untilNext(now time.Time) (wait time.Duration, busy bool) {
	for t := w.last + 1; t <= w.last+slots; t++ {
		if len(w.slots[t%slots]) > 0 {
			return time.Duration(t)*tick - now.Sub(w.pacer.base), true
		}
	}
	return 0, false
}

// step takes the inbox in and visits the slots whose ticks have come since the last step. After a stall of more than a
// turn each slot is visited once: its streams shift.
func (w *wheel) step(now time.Time) {
	w.admit()
	current := int64(now.Sub(w.pacer.base) / tick)
	for t := max(w.last+1, current-slots+1); t <= current; t++ {
		if slot := &w.slots[t%slots]; len(*slot) > 0 {
			*slot = w.visit(*slot)
		}
	}
	w.last = current
}

// admit moves the inbox into the slots. From here on only this wheel moves a playback's due.
func (w *wheel) admit() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, b := range w.inbox {
		slot := &w.slots[int64((b.due+tick-1)/tick)%slots]
		*slot = append(*slot, b)
		w.inbox[i] = nil
	}
	w.inbox = w.inbox[:0]
}

// visit gives each stream of a slot its turn and returns those that go on.
func (w *wheel) visit(slot []*Playback) []*Playback {
	now := time.Now()
	at := now.Sub(w.pacer.base)
	var worst time.Duration
	kept := slot[:0]
	for _, b := range slot {
		late, more := b.turn(now, at, w.packet, &w.tally)
		worst = max(worst, late)
		if more {
			kept = append(kept, b)
		}
	}
	clear(slot[len(kept):])
	if gone := len(slot) - len(kept); gone > 0 {
		w.load.Add(-int64(gone))
		w.pacer.metrics.streams.Sub(float64(gone))
	}
	if w.tally.packets > 0 {
		// Taken after the last packet: the bound holds for every packet of the slot.
		worst += time.Since(now)
		w.pacer.metrics.lateness.Observe(worst.Seconds())
		w.pacer.lateness.record(at, worst, w.tally.packets, w.tally.stalls)
	}
	w.pacer.metrics.report(&w.tally)
	return kept
}

// end stops what the wheel still holds.
func (w *wheel) end() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.admit()
	for i := range w.slots {
		for _, b := range w.slots[i] {
			b.Stop()
			w.load.Add(-1)
			w.pacer.metrics.streams.Dec()
		}
		w.slots[i] = nil
	}
}
