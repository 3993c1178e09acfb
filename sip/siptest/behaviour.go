package siptest

import (
	"net/netip"
	"time"
)

// Kind is what a callee does with a call.
type Kind uint8

// The kinds.
const (
	Answer      Kind = iota // ring, answer, stay until the caller hangs up
	HangUp                  // ring, answer, hang up after HangUpAfter
	Busy                    // 486
	NoAnswer                // ring until cancelled, three minutes at most (then 408)
	Unavailable             // 503
	NotFound                // 404
	Decline                 // 603
	Silent                  // no response at all; where AnswerAfter is set, 200 out of the blue after it
)

// String returns the kind's name.
func (k Kind) String() string {
	names := [...]string{"answer", "hang_up", "busy", "no_answer", "unavailable", "not_found", "decline", "silent"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Defaults of a Behaviour's times.
const (
	defaultRing   = 50 * time.Millisecond
	defaultHangUp = 2 * time.Second
	ringLimit     = 3 * time.Minute // RFC 3261 §16.6, Timer C
)

// Behaviour is the script of one callee for one call. The zero value rings for 50 ms, answers and waits for BYE.
type Behaviour struct {
	Kind   Kind
	Status int // 300..699: refuse with this status, whatever the Kind says; 0 means by Kind

	RingDelay    time.Duration // 100 → first 180, or → the refusal of a callee that does not ring
	AnswerAfter  time.Duration // first 180 → final response; 0 means 50 ms
	HangUpAfter  time.Duration // 200 → BYE by the callee, not before the ACK; 0 means never (HangUp: 2 s)
	Provisionals int           // how many 180 are sent, spread over AnswerAfter; 0 means 1 (none before a refusal), -1 none
	EarlyMedia   bool          // ring with 183 and the SDP answer

	RetryAfter  time.Duration // Retry-After of the refusal, whole seconds
	ReasonCause int           // Q.850 cause in the Reason header of the refusal, or of the callee's BYE (RFC 3326)
	Extra       []string      // header lines added to the final response
	AnswerSDP   string        // body of the 200 in place of the farm's own
	ULaw        bool          // choose PCMU where the offer has it, instead of the offer's first choice

	LateAnswer bool   // answer CANCEL with 200 and the INVITE with 200 too, as if they had crossed
	ForkAnswer bool   // a second 200 with another To tag follows the first, as from a forking proxy
	IgnoreBye  bool   // never answer BYE
	IgnoreAcks int    // take the first n ACKs of the 200 for lost
	EchoRTP    bool   // send each RTP packet back to the offered address, in bunches of a sweep
	TalkRTP    bool   // send silence to the offered address from the call's media socket, a packet with each sweep
	Password   string // ask for digest credentials (407, any user) with this password; "" asks for none
	SHA256     bool   // by SHA-256 (RFC 7616), else by MD5

	Reinvites []Reinvite // offers after the answer, one after the other
}

// Reinvite is an offer of the callee's within an answered call (RFC 3261 §14): it holds the call, moves its media, or
// changes the law.
type Reinvite struct {
	After     time.Duration  // ACK of the 200, or answer to the Reinvite before → this one
	Direction string         // sendonly, inactive, recvonly; "" means sendrecv
	Media     netip.AddrPort // where the callee wants to hear; the zero value is the call's own media socket
	ULaw      bool           // PCMU, else PCMA
}

// withDefaults fills in what the zero values stand for.
func (b Behaviour) withDefaults() Behaviour {
	if b.Kind == HangUp && b.HangUpAfter == 0 {
		b.HangUpAfter = defaultHangUp
	}
	if b.Kind == Silent && b.Status == 0 {
		return b
	}
	if b.AnswerAfter == 0 {
		b.AnswerAfter = defaultRing
	}
	if b.Provisionals == 0 && (b.final() == 200 || b.Kind == NoAnswer) {
		b.Provisionals = 1
	}
	b.Provisionals = max(b.Provisionals, 0)
	return b
}

// final is the status of the final response that the script leads to.
func (b Behaviour) final() int {
	if b.Status >= 300 && b.Status <= 699 {
		return b.Status
	}
	switch b.Kind {
	case Busy:
		return 486
	case NoAnswer:
		return 408
	case Unavailable:
		return 503
	case NotFound:
		return 404
	case Decline:
		return 603
	case Answer, HangUp, Silent:
	}
	return 200
}

// ring is how long the callee rings before the final response.
func (b Behaviour) ring() time.Duration {
	if b.Kind == NoAnswer && b.Status == 0 {
		return ringLimit
	}
	return b.AnswerAfter
}
