package queue

import (
	"time"

	"github.com/avanak/avanak"
)

// Order is what an attempt needs to know of the job that it belongs to.
type Order struct {
	Tenant      string
	Clip        string
	Caller      avanak.Number
	Ring        time.Duration
	Retry       avanak.RetryPolicy
	OnUncertain avanak.OnUncertain
	Sandbox     bool
}

func orderOf(c avanak.Campaign) Order {
	return Order{Tenant: c.Tenant, Clip: c.Clip, Caller: c.Caller, Ring: c.Ring, Retry: c.Retry,
		OnUncertain: c.OnUncertain, Sandbox: c.Sandbox}
}

func orderOfMessage(m avanak.Message) Order {
	return Order{Tenant: m.Tenant, Clip: m.Clip, Caller: m.Caller, Ring: m.Ring, Retry: m.Retry,
		OnUncertain: m.OnUncertain, Sandbox: m.Sandbox}
}

// Claim is a lease on one recipient, or on one fast message, that has not been dialled: it may be released, and after
// its deadline anybody may reap it, for nothing has rung.
type Claim struct {
	Lane     avanak.Lane
	Job      string // campaign or message id
	Ordinal  uint32 // 0 for a message
	Number   avanak.Number
	Token    uint64
	Attempts int // recorded before this lease
	Charged  int // of them, those that used up a try
	Order    Order
	Due      time.Time // t0: accepted, or the retry fell due; zero for a campaign's first attempts
	Taken    time.Time // t1: our clock, with monotonic reading
}

// Held names the lease for heartbeats.
func (c Claim) Held() Held { return Held{Lane: c.Lane, Job: c.Job, Ordinal: c.Ordinal, Token: c.Token} }

// Held names a lease that a node holds, dialled or not.
type Held struct {
	Lane    avanak.Lane
	Job     string
	Ordinal uint32
	Token   uint64
}

// Intent is the durable record that one leg of an attempt is about to be dialled: the point of no return. Only Dial makes
// one, and Leg the next one from it, and nothing can be called without one, so the compiler keeps the rule "intent before INVITE" (DESIGN D3). The zero
// Intent is not valid.
type Intent struct {
	claim          Claim
	attempt        int
	afterUncertain bool
	leg            int
}

// Valid tells whether Dial made the intent.
func (i Intent) Valid() bool { return i.attempt > 0 }

// Claim returns the lease that the intent stands on.
func (i Intent) Claim() Claim { return i.claim }

// Held names the lease for heartbeats.
func (i Intent) Held() Held { return i.claim.Held() }

// Attempt is the attempt's number, 1-based.
func (i Intent) Attempt() int { return i.attempt }

// AfterUncertain tells whether the attempt before this one ended unknown.
func (i Intent) AfterUncertain() bool { return i.afterUncertain }

// Leg is which leg of the attempt the intent stands for: 1 is the first.
func (i Intent) Leg() int { return i.leg }

// CallID is the Call-ID that the intent's leg must carry.
func (i Intent) CallID() string {
	return avanak.LegCallID(i.claim.Job, i.claim.Ordinal, i.attempt, i.leg)
}

// Settled is what Settle found.
type Settled uint8

// The findings.
const (
	SettledFinal Settled = iota // the recipient rests in a terminal state
	SettledRetry                // another attempt follows
	SettledDup                  // this attempt was settled before; nothing changed
	SettledLate                 // it had been closed as uncertain; the true outcome stands now
)

// String returns the finding's name as used in logs and metrics.
func (s Settled) String() string { return [...]string{"final", "retry", "dup", "late"}[s] }

// Reaped counts what Reap did.
type Reaped struct {
	Requeued  int // leases that had not been dialled: back in the queue
	Uncertain int // leases that had: their attempt's end is not known
}
