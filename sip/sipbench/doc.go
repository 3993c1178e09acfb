// Command sipbench measures package sip as a caller: what a call costs in CPU, how long its set-up takes, how many are
// held at once, and how many come through a lossy network.
//
//	go run ./sip/sipbench -out bench-out/sip.json
//	go run ./sip/sipbench -role ours -rate 4000 -calls 40000 -cpuprofile ours.prof  # one caller, once
//
// Every caller is a process of its own on core 0 and calls a fresh sipp on core 1 over UDP loopback:
//
//	sipbench ──taskset 0──► sipbench -role ours │ sipbench -role bare │ sipp ──INVITE, ACK, BYE──► sipp ──◄── taskset 1
//	         ◄──tally (JSON)──                                                      statistics ──► sipbench
//
// The anchors of CPU per call are sipp as caller, and sipgo's own dialog client written as its documentation shows (bare):
// the same INVITE with the same session description, 180, 200, ACK, BYE, 200 without hold, at an even pace that does not
// wait for answers. Modes are interleaved, three rounds; CPU is what the caller's process used from its first call to the
// end of its last one, and for sipp that of its whole process less a run of one call. What a call still costs in the 32 s
// after it (64*T1: its transactions and our leg live on) is in it only where a run is longer than that: -calls 120000.
//
// Held calls are placed, are all up, and are hung up, twice: tables grow with the first load and do not shrink. 40 s after
// each load the process is looked at, and what it holds more after the second one is a leak.
//
// Invariants:
//   - What one round measures is in the figure; failures and retransmissions are told in its note and on the line of the run.
//   - A figure that could not be taken is absent.
//   - Nothing outside of loopback is called.
package main
