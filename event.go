package avanak

import "time"

// EventKind is what happened.
type EventKind string

// The kinds. Intent precedes every attempt's first INVITE, Leg each further one; Closed follows each intent exactly once; Late corrects an Uncertain close.
const (
	EventIntent  EventKind = "intent"
	EventLeg     EventKind = "leg" // precedes the INVITE of each further leg of the attempt
	EventClosed  EventKind = "closed"
	EventLate    EventKind = "late"
	EventSkipped EventKind = "skipped" // closed without an attempt: suppressed or expired
	EventRun     EventKind = "run"     // the campaign's Run changed
)

// Event is one entry of a partition's stream: what readers (metrics, ledger, webhooks, billing) follow.
type Event struct {
	ID             string // of the stream entry; sorts by age
	At             time.Time
	Kind           EventKind
	Tenant         string
	Job            string // campaign or message id
	Ordinal        uint32 // 0 for messages
	Attempt        int
	Token          uint64 // the lease's fencing token
	CallID         string
	AfterUncertain bool // this attempt follows one whose end is not known
	Outcome        Outcome
	State          State
	Run            Run
	Trunk          string
	Result         Result
	Legs           int // of EventLeg: which one, from 2; of a close: how many the attempt had; 0 counts as 1
}
