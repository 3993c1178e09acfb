// Package queue keeps campaigns, fast messages, leases and the event stream in Redis. It is where work waits, and the
// ledger of every attempt.
//
//	campaign ──CreateCampaign, Load──► ┌───────────────────────────────┐ ──Claim──► dispatcher
//	         ──SetRun, OpenWindow────► │ array of recipients + cursor  │ ──Dial, Leg──► Intent ──► call
//	         ──PushMessage───────────► │ ready list, retry buckets     │ ◄─Settle, Skip, Release── dispatcher
//	readers  ◄─Events, Results──────── │ leases, event stream          │ ◄─Extend, Reap, Promote── keeper
//	                                   └───────────────────────────────┘
//
// A campaign is an array and a cursor: a recipient that was never touched costs 25 bytes, and pause, resume and cancel
// are one field (DESIGN D2). Each move is one script on one hash slot; its file in scripts/ says what it takes, gives
// and keeps. keys.go draws every key. The scripts' clock is Redis' own.
//
// A lease moves like this, and each arrow is one script:
//
//	           claim               dial (intent)             settle
//	untouched ───────► claimed ──────────────────► dialled ─────────► terminal, or retry
//	    ▲   release,     │                         │  ▲ │
//	    └── reap ────────┘ skip ► terminal         └──┘ └─ reap ► uncertain, or a marked redial ── late settle ► terminal
//	                                               leg
//
// Invariants (DESIGN I1–I6; the conformance tests hold them on redis-server and on miniredis alike):
//
//   - The state counters equal the state bytes, and sum to the number of recipients.
//   - Tokens only grow; a stale one changes nothing.
//   - The intent is recorded before Dial returns; attempts grow by one, exactly once per token.
//   - Each further leg of an attempt is recorded before Leg returns, under what Dial would demand but for the tries: it is
//     the same attempt, and one is charged (DESIGN D3).
//   - Each intent is closed exactly once, or closed as uncertain and corrected by at most one late settlement.
//   - No intent and no leg is later than its campaign's pause, cancel or window end.
package queue
