package main

import (
	"os"
	"runtime/debug"
)

// heapGrowth is how far the heap may grow between two garbage collections, in percent of what lives. A call leaves some
// 20 kB of garbage within milliseconds and keeps little: collecting at Go's default of 100 takes a fifth of the CPU of its
// signalling, and the memory that this saves is a few dozen megabytes.
const heapGrowth = 400

// tuneCollector sets it, unless GOGC says otherwise.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}
