// Package api is the HTTP door: it reads requests, lets package campaign (and the clips, keys and suppressions behind
// interfaces that it declares) do the work, and writes answers. It is the only place that turns errors into HTTP.
//
//	           ┌───────────────────────── Server.ServeHTTP ────────────────────────┐
//	request ─► request id, log line, metrics, panics ─► mux ─► limits, time ─► key ─► handler ─► campaign, Clips, …
//	           └─ visit.go                              routes.go  body.go    auth.go  one file per noun
//
// The routes stand on one screen in routes.go, the errors in problem.go. The description of the API is made from the same
// declarations: /openapi.json (3.1) and /openapi-3.0.json.
//
// Invariants:
//   - Nothing is done for a request without a valid key; ids of other tenants do not exist (404).
//   - Every refusal is application/problem+json (RFC 9457) of a kind that is listed in problem.go. It names fields, lines and
//     limits, and never repeats what was submitted: a rejected value may be somebody's number.
//   - No body is held in memory, but JSON, which is small: clips go through a temporary file that has no name, lists are read
//     as they come, results are written as they are read. Every body has a limit in bytes, a limit in time, and a limit on
//     the client's silence; so has every write.
//   - A refused upload leaves nothing behind.
//   - Log lines and metrics hold route patterns, never paths: a path can hold a number.
package api
