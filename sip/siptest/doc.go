// Package siptest is a callee farm: any number of phones behind one SIP address, each with a scripted behaviour, which
// write down to the packet what reached them. It is the oracle of the tests (what the callee's side saw is the truth, not
// our own log), the far end of the demo, and the sandbox trunk.
//
// It stands on plain UDP sockets with a small SIP and RTP reader of its own, and shares no code with packages sip and
// media, nor a library with them: a fault in those cannot hide itself here.
//
//	gateway ──SIP──► loop goroutine ──► callee (script, timers) ──┐
//	        ──RTP──► sweep goroutine ─► stream ───────────────────┴─► journal ──► Calls, Invites, Counts, WaitFor
//
// The farm runs two goroutines however many calls there are. The loop owns all signalling state: it reads the socket
// with the next alarm as its deadline, so nothing in it is locked. The sweep empties all media sockets every 40 ms; the
// kernel stamps each packet as it arrives (SO_TIMESTAMPNS), so arrival times are exact although reading is lazy. Where
// the system has no such stamps, times are those of reading.
//
// Invariants:
//   - Every INVITE transaction that is not a digest retry is one Call; two with the same Call-ID are two Calls.
//   - A Call's EndedAt is set once, after its media socket was emptied for the last time: its record is then complete.
//   - What is answered is recorded before the answer leaves: who has the reply finds the record.
//   - Records only grow: a copy handed out never changes.
//   - Input is bounded (datagram, headers, SDP lines) and whatever arrives ends in a reply, a record or a count.
//   - All bytes of numbers stay in memory: the log never holds a number.
package siptest
