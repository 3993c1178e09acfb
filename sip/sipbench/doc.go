// Command sipbench measures package sip as a caller: what a call costs in CPU, how long its set-up takes, how many are
// held at once, and how many come through a lossy network.
//
//	go run ./sip/sipbench -out bench-out/sip.json
//
// Every caller is a process of its own on core 0 and calls a fresh sipp on core 1 over UDP loopback:
//
//	sipbench ──taskset 0──► sipbench -role ours │ sipbench -role bare │ sipp ──INVITE, ACK, BYE──► sipp ──◄── taskset 1
//	         ◄──tally (JSON)──                                                      statistics ──► sipbench
//
// The anchors of CPU per call are sipp as caller, and sipgo's own dialog client written as its documentation shows (bare):
// the same INVITE with the same session description, 180, 200, ACK, BYE, 200 without hold, at an even pace that does not
// wait for answers. Modes are interleaved, three rounds; CPU is what the caller's process used from its first call to the
// end of its last one, and for sipp that of its whole process less a run of one call.
//
// Invariants:
//   - What one round measures is in the figure; failures and retransmissions are told in its note and on the line of the run.
//   - A figure that could not be taken is absent.
//   - Nothing outside of loopback is called.
package main
