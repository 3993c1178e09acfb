// Package impair gives tests and benchmarks a bad network on loopback: a UDP proxy that loses, doubles, reorders and
// delays datagrams, each direction by itself. (The kernel's netem needs rights and a module that test machines lack.)
//
//	client ──► front socket ──fate──► socket of this client ──► target
//	       ◄──            ◄──fate──                         ◄──
//	                           │ ▲
//	                     queue of delayed and held datagrams (one goroutine)
//
// Like a NAT it gives each client address a socket of its own towards the target, so that responses find their way
// back. With Config.SIP it also keeps SIP dialogs on the path: both sides see the proxy where they would see each other
// (rewrite.go).
//
// Invariants:
//   - What happens to the nth datagram of a direction follows from Seed, Path and n alone: the same traffic in the same
//     order meets the same fate. Whether one effect is on does not shift the dice of another.
//   - At rest In + Duplicated = Lost + Dropped + Out of each direction: nothing vanishes uncounted.
//   - Clients, and datagrams that wait, are bounded in number and bytes; what finds no room is Dropped.
//   - One goroutine reads the clients, one reads for each client, one sends what waited; none is made for a datagram.
//     Close waits for all of them, and what still waits is gone.
package impair
