package sip

import "sync"

// crew counts the goroutines that work for an Agent, its own and those of sipgo that are inside one of our handlers, so
// that Close can wait for the last. A sync.WaitGroup will not do: handlers may arrive while Close already waits.
type crew struct {
	mu        sync.Mutex
	members   int           // guarded by mu
	dismissed bool          // guarded by mu
	gone      chan struct{} // closed by the last one out, or by dismiss
}

func newCrew() *crew { return &crew{gone: make(chan struct{})} }

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
	go func() {
		defer c.leave()
		f()
	}()
	return true
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
}
