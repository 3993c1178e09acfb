// Package avanak holds the domain words of the Avanak voice-broadcast gateway: plain types and pure rules, standard
// library only. A customer hands over an audio clip and numbers over HTTP; every number is called once, in permitted
// hours, as fast as the carriers allow; each answered callee hears the clip from its first word; the customer sees what
// became of each number.
//
//	HTTP                 batches             lease by lane, tenant        pace + channel
//	api ──► campaign ──► queue ══Redis══► dispatcher ───────────► call ──► sip + media ──► callee
//	             │                            │                     │
//	           store                          ◄────── Report ───────┘
//	                                          ▼
//	                         queue.Settle (one script) ══event stream══► readers
//
// The words, one meaning each:
//
//   - Campaign: one clip to many recipients, with window, retry policy and ring limit; an array and a cursor in Redis.
//   - Recipient: one number of a campaign, named by its ordinal 0..N-1.
//   - Message: one clip to one recipient; the unit of promise, pace and price. Messages of their own ride the fast lane.
//   - Clip: checked audio of known length, encoded once to both laws of G.711; its Frames are shared by all calls.
//   - Attempt: one try of one recipient, from intent to outcome.
//   - Leg: one INVITE dialog of an attempt towards one target, challenges included.
//   - Intent: the durable record that precedes an attempt's first INVITE.
//   - Timeline: the instants t0..t7 of an attempt.
//   - Outcome: how an attempt ended. State: where a recipient stands. Result: the 16 bytes kept of the last attempt.
//   - Report: what one attempt came to, as call hands it to the dispatcher.
//   - Lane: fast (latency is promised) or bulk (rate is promised).
//   - Job: a campaign or a fast message, as the queue sees it.
//   - Lease: the time-bound right to work on a recipient. Token: the number that fences a stale lease off.
//   - Trunk: a carrier route with CPS (new calls a second) and channels (calls at once). Slot: one held channel.
//   - Window: the hours in which calling is allowed.
//   - Suppression: a number that must not be called.
//   - Tenant: a paying account. Its key opens the API.
//   - Run: a campaign's run state; Progress: its counts.
//   - Partition: one of a fixed number of Redis hash tags, which holds campaigns, a shard of the fast lane and one
//     event stream, so that every script touches a single slot.
//   - Event: an entry of the stream.
//   - Promise, Breach, Maintenance, Credit: the SLA's words; they arrive with package sla.
//
// Field measures: PDD (INVITE to ringing), ASR (answered over attempts), ACD (mean answered length). SIP and RTP things
// keep their RFC names.
package avanak
