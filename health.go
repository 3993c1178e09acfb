package avanak

import (
	"net/netip"
	"time"
)

// Health is what a trunk's signalling knows of its far ends. It is a fact that sip reports at every change; what
// follows from it is the dispatcher's business.
type Health struct {
	Trunk   string
	At      time.Time
	Usable  bool   // a call may be placed: a target is up, and we are registered where the carrier wants that
	Why     string // one line for people where it is not usable
	Targets []TargetHealth
}

// TargetHealth is one address of a trunk.
type TargetHealth struct {
	Addr netip.AddrPort
	Up   bool          // not known to be down
	RTT  time.Duration // of the last OPTIONS that was answered, 0 where none was
	Why  string        // why it is down
}
