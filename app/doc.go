// Package app wires the parts of the gateway and owns their lives: it makes clients, registries and loggers, starts the
// parts from the bottom up, and stops them in reverse order.
//
//	New: store ► queue ► lines (sip, media) ► caller ► dispatcher ► campaign ► api ► listeners
//	Run: serve until ctx ends, then drain: not ready ► no new calls ► calls end ► doors close ► store closes
//
// New rolls back what it had opened when a later step fails. Run returns nil after a clean drain.
package app
