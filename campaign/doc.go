// Package campaign takes a customer's request to messages: it makes campaigns, reads lists of recipients, starts, pauses,
// resumes and cancels, and accepts single messages for the fast lane. It is called by the doors (api, web, cmd) and keeps
// everything in the queue.
//
//	Create ──► Load ──► Start ──► Pause ⇄ Resume ──► (done)        Send ──► fast lane
//	 loading    │        running   paused   Cancel ──► cancelled
//	            ▼
//	  body ─► lines ─► CSV or NDJSON ─► avanak.ParseNumber ─► numberSet ─► Suppressions ─► queue.Load: Append…, Commit
//	          64 KiB   rows             invalid, emergency,   duplicate    state           all at once, or nothing
//	          at most                   destination, scientific            suppressed
//
// Invariants:
//
//   - Nothing of a list exists before the whole list was read and judged: a broken file, a broken-off upload or a list
//     that is too long adds no recipient. Repeating an upload whose answer was lost adds nobody twice.
//   - A row that is refused is reported by its line and one of five words; it is never called. Of one number the first
//     row wins. No error and no report holds a number.
//   - Memory is bounded: a line and a record by 64 KiB, a campaign by Config.MaxRecipients, all uploads under way together
//     by Config.MaxHeld numbers.
//   - Another tenant's id is answered like one that does not exist.
//   - The same Idempotency-Key finds the same thing for as long as its record is kept, whatever changed since (window,
//     suppression, clip); with another request it is ErrIdempotency.
//   - Where it is not known whether a number is suppressed, nothing is accepted.
package campaign
