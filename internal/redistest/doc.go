// Package redistest gives tests a private, real redis-server: one process per call of Start, on a unix socket in a short
// directory of its own, gone when the test ends. Nothing listens on a port, so tests of many packages run side by side.
//
// Both runs one conformance test against the two backends that the gateway supports: a real server, and miniredis, which
// stands in for it on a machine without one. Code that builds Redis commands is tested with Both.
//
// Invariants: a server never outlives the test process, not even after a panic or SIGKILL of it (the kernel signals the
// server when the thread that forked it ends, see child.go). A missing redis-server fails the test; it is never skipped.
package redistest
