// Package sip is the signalling of a call: a user agent core for outbound calls (RFC 3261) on the parser, transactions and
// transports of sipgo, which only this package imports. Its place in the flow is between call and the carrier:
//
//	call ──Invite──► Agent ──► leg ──INVITE/CANCEL/PRACK──► door ═UDP, TCP, TLS═► carrier
//	     ◄──Result──        ◄──1xx/2xx/3xx+──                 ◄──
//	     ──Hangup──► Call ──ACK/BYE/UPDATE──►                 ◄──BYE, re-INVITE, UPDATE, INFO, OPTIONS──
//	app  ◄──Health── health ──OPTIONS, REGISTER──►            ◄──
//
// An Agent is one trunk's user agent. Requests leave from the port that it listens on, so that the far end's requests find
// it. Its targets are found by package locate and chosen by their health; its challenges are answered by package digest.
// A leg is one INVITE dialog towards one target, challenges included, and everything that its Call-ID still owes the
// network; one goroutine moves it through its phases:
//
//	calling ──1xx──► proceeding ──2xx──► answered ──BYE──► over
//	   │ ▲              │  └──3xx+──► over
//	   │ └──401, 407, 422: the gate, and the INVITE anew
//	   │                └──ring limit, ctx──► cancelling ──487──► over
//	   └──silence──► watching ◄──no final──────┘
//
// A Call is an answered dialog, with its session timer (RFC 4028). sip reports facts: status, cause, instants, the Class
// of an end (classify.go is the table), whether a leg is known to be dead, the health of the targets. What follows for a
// recipient or a trunk is decided by call and dispatcher.
//
// Invariants:
//   - Whoever places a call owns every leg until it is answered for: a 2xx that comes too late, or from a second branch
//     of a fork, or after a refusal, is acknowledged and ended by a BYE, whoever waits or no longer waits for it.
//   - A retransmitted 2xx is acknowledged again with the same ACK.
//   - CANCEL leaves only after a provisional response (RFC 3261 section 9.1). Where none came, retransmission of the INVITE
//     is stopped and a response that still comes is settled.
//   - A leg reads its transaction until the end: any number of provisional responses is fine.
//   - Every INVITE of a leg, also one with credentials, passes the caller's gate immediately before it leaves.
//   - Invite returns exactly one Result within bounded time, and only after the ACK has left.
//   - Result.Dead is true only where nothing rang and nothing can: the transport itself reported failure, or a final
//     response of the trunk's class came before any 18x. Silence is never dead.
//   - Nothing is sent by a weaker transport than the trunk's; TLS is verified always.
//   - Credentials go to the trunk's realm only.
//   - We are no server for strangers: what comes from an address that is neither a target's nor among the trunk's sources
//     is dropped before it is parsed; a request from outside of a dialog gets no more than a refusal.
//   - Numbers reach a URI or a header only as a dialable: digits, perhaps after a plus.
//   - Nothing here logs a person's number or a secret; sipgo's own log lines are reduced to their constant text.
package sip
