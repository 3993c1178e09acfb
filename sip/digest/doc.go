// Package digest answers the challenges of one trunk (RFC 3261 section 22, RFC 7616, RFC 8760). Its place is beside a
// request of sip, which owns the sending:
//
//	Answerer ──Exchange──► Authorize ──(Proxy-)Authorization──► request ──► carrier
//	   ▲                       ▲                                               │
//	   │                       └──nil: once more── Challenged ◄──401, 407──────┤
//	   └──the nonce, for others─────────────────── Accepted ◄──all else────────┘
//
// An Answerer is shared by all calls of a trunk. An Exchange is one request and its retries, and belongs to one goroutine.
// A nonce that was accepted serves later exchanges too, so that their first request already carries credentials and a call
// costs one INVITE instead of two. A nonce that was not accepted yet serves its own exchange alone: nobody's nonce count
// can overtake the answer on its way, and a wrong password is not tried in advance.
//
// What a refusal means is judged within the exchange, because only there it is known why the nonce was used:
//
//   - Refused without credentials, or with a nonce of another exchange: it says nothing about the password. Servers let
//     nonces expire without saying stale, bind them to one call, or see nonce counts out of order when many calls are on
//     the way at once. The exchange answers its own challenge.
//   - Refused with the answer to its own challenge, stale=true: one more answer; a second time is ErrStale.
//   - Refused with the answer to its own challenge, not stale: ErrRejected, the user or the password is wrong.
//
// So a wrong password costs at most two requests with credentials, and no server, whatever it says, gets more than three
// out of one exchange for 401 and for 407 each.
//
// Invariants:
//   - Only one realm ever gets an answer, only by an algorithm that the trunk permits, and of all challenges in a response
//     the strongest is answered: what a stranger asks for (CVE-2021-41158) goes unanswered.
//   - No nonce is used twice with the same nonce count, under any concurrency, as long as fewer than maxNonces others came
//     in between.
//   - What is written is one line. What a server sends is bounded, and quoted again before it is echoed.
//   - No error, and no print of a value, holds the password or the text of a challenge.
//   - Nothing here starts a goroutine, waits or logs.
package digest
