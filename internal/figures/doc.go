// Package figures is the one form in which the benchmark programs tell what they measured: a Figure is the median of its
// runs beside a goal and an anchor, a Report is the figures of one program with the machine they were taken on, printed as
// a table and written as JSON (bench-out/<area>.json).
//
//	NewReport ──► Take / Judge, a Figure each ──► Print, Write, Verdict
//
// Invariants:
//   - A figure that could not be taken is absent, never invented.
//   - A machine that was busy before the first run (1-minute load above 1) is named so, and the figures stand.
//   - A run that was not clean is in the figure, and its Note says so.
package figures
