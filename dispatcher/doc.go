// Package dispatcher decides who is called, when and by which trunk, and sees each attempt through to its settlement.
//
//	queue ──claims──► planner ──permit──► attempt: suppression ► Dial ► gate ► Caller.Place ──► Settle
//	  ▲                ▲   ▲                 ▲                                       │ known dead
//	  └── Release      │   │                 └─── Leg ◄ suppression ◄ permit ◄───────┘
//	      Heed: health ┘   └ how each leg ended
//	keeper: heartbeats, reap, promote, windows, trim
//
// One goroutine, the planner, owns every limiter: it checks a trunk's bucket and channel count and then takes from both,
// so nothing has to be given back (DESIGN D4). It never waits for Redis or a socket. Fast messages go first; campaigns
// take turns. A blocked head is passed over, so that one full trunk holds up nobody else.
//
// What the end of a leg says of its trunk (avanak.Class) drives the trunk's rate and state:
//
//	             ten failures in a row                    a callee's word
//	up ─────────────────────────────► resting ─► probing ─────────────────► up, from a tenth of the rate (pace.go)
//	 ├─ Retry-After ► resting ─► up      ▲           │ fails
//	 │                                   └───────────┤
//	 └─ wrong password, five refusals ─► paused ◄────┘ refused; each time twice as long, up to 15 min
//	any ◄─ Heed ─► down
//
// More congestion than a carrier's everyday share cuts the rate by a factor, at most once a second, and each second without
// adds a step. A row counts where it is half of the calls that went meanwhile: refusals are back at once, callees take
// their time. A callee's word, whatever it is, never hurts the trunk. A probe that goes on after a minute is a word as well.
//
// Where no trunk is open, claims go back after some seconds: another node may call them, and the queue closes what is late.
//
// A leg that is known dead (nothing rang, and nothing can ring) is followed by another, over another trunk or to another
// far end, at most avanak.MaxLegs: the same attempt, with a permit, a question to the suppression list and a record of its
// own. Silence is not death.
//
// Invariants:
//
//   - A call is placed only with a queue.Intent, which only the queue's Dial and Leg make (DESIGN D3).
//   - A trunk never carries more calls than its channels, nor more INVITEs in any closed second than its CPS: the
//     bucket runs at 95 %, and the Gate, asked immediately before each INVITE, holds the rest (DESIGN I8).
//     Further legs and digest retries count like first ones, in the bucket too.
//   - A permit goes back exactly once, with how its leg ended.
//   - Suppression and emergency numbers are checked again here, right before Dial; an error means no call (DESIGN D9).
//   - A callee who wants no more calls (607, 608) is on the suppression list before the attempt is closed; only where
//     the list cannot be had for as long as a settlement is tried, an error in the log is all that is left.
//   - When Run returns, no claim and no call of this node is left; what was not dialled is back in the queue.
package dispatcher
