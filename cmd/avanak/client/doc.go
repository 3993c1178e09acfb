// Package client speaks the gateway's HTTP API: what a customer's own program would do, and nothing more. The commands of
// the avanak binary and the demo use it; it imports no part of the gateway but the domain words.
//
//	command ──► Client ──HTTP──► /v1/clips, /v1/campaigns, /v1/messages, /v1/suppressions
//	                             /readyz
//
// Invariants:
//   - Every error is one of three: a *Problem (the gateway refused, with its reason), one that wraps ErrUnreachable (no
//     answer came), or the caller's own (its ctx, its file).
//   - A request that moves no byte for Config.Timeout ends; one that moves may take as long as it needs.
//   - Answers are read with a bound. Redirects are not followed, so that the key goes only to the address that was named.
//   - Nothing is repeated by itself: only the caller knows what may be done twice (see the idempotency keys).
package client
