// Package store keeps what is not queue state: clips, API keys and suppressions in Redis, audio files behind Blobs.
//
//	api, campaign ──► Clips ──► record in Redis, audio in Blobs ──► Frames (cached) ──► call
//	api           ──► Keys ──► Principal                campaign, dispatcher ──► Suppressions ──► may we call?
//
// At start the gateway runs Probe, which says which durability is in force, and Prepare, which refuses a store of another
// layout. Package store/embedded runs the Redis itself where the operator names none.
//
// Invariants:
//   - A clip is visible only after all its audio is on disk; a half-made clip is at most a file that nobody names.
//   - A tenant sees only its own clips; those of others are ErrNotFound.
//   - Secrets of API keys are never stored: only their SHA-256 is.
//   - Suppressions are never cached: what Add acknowledged is seen by the next Has. An error means "do not call".
//   - Every error that says Redis or the disk is away wraps avanak.ErrUnavailable.
//
// All keys are named in keys.go. No key has a time to live.
package store
