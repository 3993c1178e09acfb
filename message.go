package avanak

import (
	"fmt"
	"time"
)

// Message is one clip to one recipient on the fast lane. (A campaign's messages are its recipients.)
type Message struct {
	ID          string
	Tenant      string
	Clip        string // clip id
	Number      Number
	Caller      Number // shown to the callee; 0 means the trunk's default
	Window      Window
	Retry       RetryPolicy
	Ring        time.Duration
	OnUncertain OnUncertain
	Sandbox     bool
	Accepted    time.Time
	Expires     time.Time // no INVITE leaves at or after it: a late one-time code is harmful
}

// Validate names the first rule that the message breaks.
func (m Message) Validate() error {
	if err := m.Number.Callable(); err != nil {
		return err
	}
	if err := checkCall(m.Clip, m.Ring, m.OnUncertain); err != nil {
		return err
	}
	if !m.Expires.After(m.Accepted) {
		return fmt.Errorf("%w: a message must expire after it was accepted", ErrInvalid)
	}
	if err := m.Window.Validate(); err != nil {
		return err
	}
	return m.Retry.Validate()
}

// MessageStatus is where a fast message stands.
type MessageStatus struct {
	Message
	State    State
	Attempts int
	Result   Result
	Timeline Timeline // of the last ended attempt
	Ended    time.Time
}
