// Package console writes for people at a terminal and for programs behind a pipe: tables, JSON, and one progress line that
// is redrawn in place at a terminal and becomes a plain line every few seconds elsewhere.
//
// Invariants:
//   - No escape sequence is written unless the output is a terminal that understands them; no colour where NO_COLOR is set
//     (https://no-color.org) or TERM is "dumb".
//   - Text that came from elsewhere passes Clean: a campaign's name cannot move somebody's cursor.
package console
