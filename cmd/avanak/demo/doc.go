// Package demo shows the gateway at work and proves what it claims. In one process it runs a callee farm (package
// sip/siptest), a gateway with an embedded store whose sandbox trunk leads there, and a customer that knows nothing but the
// HTTP API: it uploads a clip, has a number suppressed, creates a campaign of 300 recipients from a list with every
// spelling of a number and a few bad rows, starts it, and sends five fast messages meanwhile.
//
//	customer ──HTTP──► gateway ──SIP, RTP──► callee farm
//	    │ what it was told                       │ what was heard
//	    └───────────────► History ◄──────────────┘
//	                         │
//	        Judge (checks) ──┴── measure ──► summary.json, report.html, heard-0001.wav, results.csv
//
// Invariants:
//   - The judgement rests on the callees' log, which shares no code with the gateway: who was called, how often, and what
//     was heard, bit for bit. What the gateway says is only held against it.
//   - The clip's golden A-law was made by sox, apart from our encoder.
//   - Judge is a pure function of the History; each check is seen to fail in the tests.
//   - The demo ends by itself within the limit, leaves nothing running, and writes only into its output directory and a
//     temporary one, which it removes.
package demo
