package sip

import (
	"sync"
	"time"
)

// crew counts the goroutines that work for an Agent, its own and those of sipgo that are inside one of our handlers, so
// that Close can wait for the last. A sync.WaitGroup will not do: handlers may arrive while Close already waits.
//
// Work that was begun by run is done by goroutines that stay for the next: their stacks have grown to what a call needs,
// and growing them anew for each call costs a tenth of its CPU.
type crew struct {
	mu        sync.Mutex
	members   int           // guarded by mu
	dismissed bool          // guarded by mu
	gone      chan struct{} // closed by the last one out, or by dismiss

	work    chan func()    // taken by a goroutine that waits
	idle    chan struct{}  // closed by dismiss: nobody need wait any more
	workers sync.WaitGroup // the goroutines of run
}

// restTime is how long a goroutine waits for its next work.
const restTime = time.Second

func newCrew() *crew {
	return &crew{gone: make(chan struct{}), work: make(chan func()), idle: make(chan struct{})}
}

// enter counts the calling goroutine in; false means that the crew is dismissed.
func (c *crew) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dismissed {
		return false
	}
	c.members++
	return true
}

func (c *crew) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members--
	if c.dismissed && c.members == 0 {
		close(c.gone)
	}
}

// run starts f as a member; false means that the crew is dismissed and f does not run.
func (c *crew) run(f func()) bool {
	if !c.enter() {
		return false
	}
	c.hand(f)
	return true
}

// hand gives f, whose member has entered, to a goroutine that waits, or to a new one. f does not panic.
func (c *crew) hand(f func()) {
	select {
	case c.work <- f:
	default:
		c.workers.Go(func() { c.toil(f) })
	}
}

// toil does f, and then what else there is to do until nothing came for a while.
func (c *crew) toil(f func()) {
	rest := time.NewTimer(restTime)
	defer rest.Stop()
	for {
		func() {
			defer c.leave()
			f()
		}()
		rest.Reset(restTime)
		select {
		case f = <-c.work:
		case <-rest.C:
			return
		case <-c.idle:
			return
		}
	}
}

// dismiss lets nobody in any more and waits until all have left. It is called once.
func (c *crew) dismiss() {
	c.mu.Lock()
	c.dismissed = true
	if c.members == 0 {
		close(c.gone)
	}
	c.mu.Unlock()
	<-c.gone
	close(c.idle)
	c.workers.Wait()
}
