package impair

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// maxDelay bounds Delay and Jitter: longer ones are slips of the pen, and would only fill the queue.
const maxDelay = time.Minute

// Path is what happens to the datagrams of one direction. The zero value lets all of them pass.
type Path struct {
	Loss      float64       // share that does not arrive, 0 to 1
	Duplicate float64       // share of the others that arrives twice
	Reorder   float64       // share of the others that is held back until 1 to 8 later ones of its client, not held themselves, have passed
	Delay     time.Duration // of each datagram, copies included
	Jitter    time.Duration // added to Delay: uniform from 0, so that later ones may overtake
}

// Validate names the first setting that cannot work.
func (p Path) Validate() error {
	for _, share := range []struct {
		name  string
		value float64
	}{{"loss", p.Loss}, {"duplicate", p.Duplicate}, {"reorder", p.Reorder}} {
		if !(share.value >= 0 && share.value <= 1) { //nolint:staticcheck // so written NaN fails, too
			return fmt.Errorf("%s must be 0 to 1", share.name)
		}
	}
	for _, d := range []time.Duration{p.Delay, p.Jitter} {
		if d < 0 || d > maxDelay {
			return fmt.Errorf("delay and jitter must be 0 to %s", maxDelay)
		}
	}
	return nil
}

// Config is how bad the network is. The zero value is a perfect one.
type Config struct {
	Path            // both ways
	ToTarget *Path  // in place of Path on the way to the target
	ToClient *Path  // in place of Path on the way back
	Seed     uint64 // of the dice
	SIP      bool   // put the proxy's addresses into the heads of SIP messages

	// Watch, where set, is told of each datagram before it goes on: what one side sent and whether it got through. It is
	// called by several goroutines at once and must neither wait nor keep Payload.
	Watch func(Datagram)
}

// Datagram is one datagram as it arrived at the proxy, and what becomes of it.
type Datagram struct {
	Direction Direction
	Client    netip.AddrPort
	Payload   []byte
	Lost      bool // it will not arrive
}

// Validate names the first setting that cannot work.
func (c Config) Validate() error {
	var errs []error
	for d := range directions {
		if err := c.path(d).Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d, err))
		}
	}
	return errors.Join(errs...)
}

func (c Config) path(d Direction) Path {
	switch {
	case d == ToTarget && c.ToTarget != nil:
		return *c.ToTarget
	case d == ToClient && c.ToClient != nil:
		return *c.ToClient
	}
	return c.Path
}

// Direction is the way that a datagram goes.
type Direction uint8

// The directions.
const (
	ToTarget Direction = iota
	ToClient

	directions // how many there are
)

// String names the direction for messages.
func (d Direction) String() string {
	if d == ToTarget {
		return "to target"
	}
	return "to client"
}
