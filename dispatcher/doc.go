// Package dispatcher decides who is called, when and by which trunk, and sees each attempt through to its settlement.
//
//	queue ──claims──► planner ──(token, channel)──► attempt: suppression ► Dial ► gate ► Caller.Place ► Settle
//	  ▲                  ▲                              │
//	  └── Release ───────┴────────── done ──────────────┘
//	keeper: heartbeats, reap, promote, windows, trim
//
// One goroutine, the planner, owns every limiter: it checks a trunk's bucket and channel count and then takes from both,
// so nothing has to be given back (DESIGN D4). It never waits for Redis or a socket. Fast messages go first; campaigns
// take turns. A blocked head is passed over, so that one full trunk holds up nobody else. A trunk that fails call after call
// rests, and single calls probe it (breaker.go).
//
// Invariants:
//
//   - A call is placed only with a queue.Intent, which only the queue's Dial makes (DESIGN D3).
//   - A trunk never carries more calls than its channels, nor more INVITEs in any closed second than its CPS: the
//     bucket runs at 95 %, and the Gate, asked immediately before each INVITE, holds the rest (DESIGN I8).
//   - Suppression and emergency numbers are checked again here, right before Dial; an error means no call (DESIGN D9).
//   - When Run returns, no claim and no call of this node is left; what was not dialled is back in the queue.
package dispatcher
