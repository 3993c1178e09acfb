// Package call sees one attempt through, from its intent to its report: it is the one place that joins sip and media.
//
//	Intent ─► port ─► INVITE ─► 2xx, ACK ─► lead-in, clip ─► BYE ─► Report
//	          media    sip                     media          sip
//
// Invariants:
//
//   - A call is placed only with a queue.Intent, and carries its Call-ID.
//   - RTP starts with the answer, never before it, and goes to the address of the far end's latest session description
//     only (DESIGN D6), or, on a Line that is Symmetric, to where the callee's media came from right after the answer.
//   - A callee who holds the call loses nothing of the clip; one who holds it for over a minute in all is hung up.
//   - When Place returns, the port is given back, and every leg that could still be answered is owned by sip's watchers.
//   - A refused call is an Outcome, not an error.
package call
