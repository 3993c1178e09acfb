package siptest

import (
	"net/netip"
	"time"
)

// Invite is one INVITE transaction without To tag: what counts against a trunk's calls per second.
type Invite struct {
	CallID          string
	Number          string         // user part of the Request-URI as it stands
	From            string         // user part of the From URI
	CSeq            uint32         // its number
	At              time.Time      // kernel receive time of its first datagram
	Source          netip.AddrPort // of that datagram
	Retransmissions int            // datagrams after the first
	Authorized      bool           // carried digest credentials
	Repeat          bool           // the Call-ID had been seen in an earlier transaction
}

// Party is one end of a call.
type Party string

// The parties.
const (
	Nobody Party = ""
	Caller Party = "caller"
	Callee Party = "callee"
)

// Times are the instants of a call at the callee; those not reached are zero. What arrived carries the kernel's receive
// time, what was sent the instant of sending.
type Times struct {
	InviteAt   time.Time // first INVITE
	RingingAt  time.Time // first 180 or 183
	AnsweredAt time.Time // first 200
	AckAt      time.Time // first ACK that was not ignored, of a 200 or a refusal
	CancelAt   time.Time // first CANCEL
	ByeAt      time.Time // first BYE of either side
	EndedAt    time.Time // call over and its media read to the end: only stragglers (Acks, Byes, Fork) still count
}

// Call is what became of one call, as its callee saw it.
type Call struct {
	CallID string
	Number string // dialled: user part of the Request-URI
	From   string // user part of the From URI
	Nth    int    // which call to this number, from 1
	Times

	Behaviour   Behaviour
	Invites     []Invite // more than one where digest credentials were asked for
	Status      int      // final response that was sent, 0 while none was
	Acks        int      // ACK datagrams for the 200
	Byes        int      // BYE datagrams of the caller
	ByeBy       Party    // who sent the first BYE
	ByeStatus   int      // final response to the callee's BYE
	Reason      string   // Reason header of the caller's CANCEL or BYE
	Fork        Fork     // the second leg of a ForkAnswer
	PayloadType uint8    // of the SDP answer
	Media       netip.AddrPort
	Offered     netip.AddrPort // the caller's media address
	Reinvites   []Reinvited    // the callee's offers that were answered, in order
	RTP         Traffic
	Packets     []Packet // in order of arrival; none where the farm only counts
}

// Ended tells whether the call is over and its record complete.
func (c Call) Ended() bool { return !c.EndedAt.IsZero() }

// Reinvited is what became of a Reinvite.
type Reinvited struct {
	SentAt, AnsweredAt time.Time // first sending and final response
	Status             int       // of the final response
	Direction          string    // of the audio in the answer, as the caller named it
}

// Fork is what became of the second 200 of a ForkAnswer.
type Fork struct {
	AckAt, ByeAt time.Time
}

// Traffic sums up the RTP of a call.
type Traffic struct {
	Packets int
	Bytes   int            // of payload
	FirstAt time.Time      // arrival of the first packet
	LastAt  time.Time      // arrival of the last packet
	Source  netip.AddrPort // of the first packet
}

// Packet is one RTP packet (RFC 3550 §5.1). Payload is shared between copies: it must not be written.
type Packet struct {
	At        time.Time // arrival
	Payload   []byte
	Timestamp uint32
	SSRC      uint32
	Sequence  uint16
	Type      uint8 // payload type
	Marker    bool
}

// Counts sums up what the farm has seen since its start.
type Counts struct {
	Datagrams       int // on the SIP socket
	Garbage         int // of these no SIP message
	Strays          int // requests that belong to no call or transaction
	Options         int
	Invites         int // INVITE transactions (digest retries included)
	Retransmissions int // of INVITEs
	Calls           int
	Ringing         int // calls that have rung
	Answered        int // calls that were answered
	Acked           int // answered calls whose ACK came
	Refused         int // calls with a final response of 300 and more, 487 included
	Cancelled       int // calls whose CANCEL came before the final response
	Byes            int // calls with a BYE of either side
	Ended           int // calls that are over, media included
	Overload        int // INVITEs refused because MaxCalls was reached; they are in no other count of calls
	Packets         int // RTP packets
	BadPackets      int // datagrams on media sockets that are no RTP
}

// Live is how many calls are not over.
func (c Counts) Live() int { return c.Calls - c.Ended }
