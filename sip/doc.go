// Package sip is the signalling of a call: a user agent core for outbound calls (RFC 3261) on the transaction layer of
// sipgo, which only this package imports. Its place in the flow is between call and the carrier:
//
//	call ──Invite──► Agent ──► leg ──INVITE/CANCEL──► socket ──► carrier
//	     ◄──Result──        ◄──1xx/2xx/3xx+──                ◄──
//	     ──Hangup──► Call ──ACK/BYE──►                        ◄──BYE, re-INVITE──
//
// An Agent is one trunk's user agent on one UDP socket: requests leave from the port that it listens on, so that the far
// end's requests find it. A leg is one INVITE and everything that its Call-ID still owes the network; one goroutine moves
// it through its phases:
//
//	calling ──1xx──► proceeding ──2xx──► answered ──BYE──► over
//	   │                │  └──3xx+──► over
//	   │                └──ring limit, ctx──► cancelling ──487──► over
//	   └──silence──► watching ◄──no final──────┘
//
// A Call is an answered dialog. sip reports facts (status, cause, instants) and says once, in classify.go, what class of end
// they make; what follows for a recipient or a trunk is decided by call and dispatcher.
//
// Invariants:
//   - Whoever places a call owns every leg until it is answered for: a 2xx that comes too late, or from a second branch
//     of a fork, or after a refusal, is acknowledged and ended by a BYE, whoever waits or no longer waits for it.
//   - A retransmitted 2xx is acknowledged again with the same ACK.
//   - CANCEL leaves only after a provisional response (RFC 3261 section 9.1). Where none came, retransmission of the INVITE
//     is stopped and a response that still comes is settled.
//   - A leg reads its transaction until the end: any number of provisional responses is fine.
//   - Invite returns exactly one Result within bounded time, and only after the ACK has left.
//   - We are no user agent server: an INVITE from outside of a dialog is refused with 480.
//   - Nothing here logs a person's number; sipgo's own log lines are reduced to their constant text.
package sip
