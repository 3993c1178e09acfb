// Package media plays clips out as RTP: shared G.711 frames, one packet of 20 ms for each call, paced by a few
// goroutines instead of a ticker per call.
//
//	            before the INVITE            at the 2xx
//	call ──► Pacer.Open(Ports) ──► Session.Play(remote, payload type, frames) ──► Playback.Done ──► BYE
//	               │                    │ first packet at once, from the caller
//	          even port, socket         ▼
//	                            wheel: 20 slots of 1 ms ──turn──► sendto ──► callee
//
// A Session owns one socket on an even port (RFC 3550 §11), so that the SDP offer can name it. Play fixes the
// destination to the address of the SDP answer and sends the first packet itself. The Playback then joins the least
// loaded wheel, in the slot of its own start: frame k is due at start + k·20 ms and leaves at the first whole
// millisecond at or after that. A wheel sleeps to its next slot that holds a stream, and without any wake-up while it
// holds none.
//
// A later session description may move the stream (Retarget), hold it (Hold) or change its law (Recode). With
// Options.SymmetricFrom, RTP of one named host may move it once, within SymmetricWindow of Play: until that is settled the
// socket stays unconnected with a filter on that host and the callee's, and the stream's own turns read what came. There is
// no goroutine per call in either mode.
//
// Invariants:
//
//   - Frames are shared and never written; a stream costs under 1 KiB of heap, and a packet allocates nothing.
//   - No send waits: sockets are non-blocking and stand outside Go's poller. A packet that the kernel does not take is
//     counted and lost, as on any network.
//   - A stream never bursts and is never cut. After a stall its next unsent frame goes next: sequence number +1,
//     timestamp advanced by the missed 20 ms turns, marker set. All later frames keep the same distance. A hold is the
//     same, whatever its length, and is no stall.
//   - After Playback.Stop or Session.Close has returned, no packet of that stream leaves.
//   - Nothing that arrives changes where we send, but for the one packet of SymmetricFrom. The socket is connected, so the
//     kernel drops foreign sources; nobody reads what the callee sends, and the smallest receive buffer makes the kernel
//     drop it early.
//
// The package needs Linux.
package media
