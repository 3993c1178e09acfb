package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is one run of the program.
type bench struct {
	out   io.Writer
	self  string // this program's file
	dir   string // for what sipp writes
	cores [2]int // of the caller and of the callee
}

func newBench(out io.Writer) (*bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "avksip")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	return &bench{out: out, self: self, dir: dir, cores: [2]int{0, min(1, runtime.NumCPU()-1)}}, nil
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) } // it is the system's directory for what may be lost

// outcome is one run of a caller against a fresh callee.
type outcome struct {
	tally
	callee counts
	again  int // retransmissions that the callee saw or made, and sipp as caller
}

// one runs a single caller, sipp too.
func (b *bench) one(ctx context.Context, mode string, l load) (outcome, error) {
	if mode == "sipp" {
		return b.runSipp(ctx, l)
	}
	return b.runRole(ctx, mode, l, nil)
}

// runRole runs this program as a caller against a fresh callee. Where via is set the calls go through it.
func (b *bench) runRole(ctx context.Context, role string, l load, via impairment) (o outcome, err error) {
	linger := shortLinger
	if via != nil {
		linger = fullLinger
	}
	u, err := b.answer(ctx, linger)
	if err != nil {
		return o, err
	}
	defer u.kill() // where stop has not ended it
	target := u.addr
	if via != nil {
		proxy, closeProxy, err := via(target)
		if err != nil {
			return o, err
		}
		defer closeProxy()
		target = proxy
	}
	if o.tally, err = b.child(ctx, role, target, l); err != nil {
		return o, err
	}
	o.callee, err = u.stop(ctx)
	o.again = o.callee.Again
	b.tell(role, l, o)
	return o, err
}

// child runs this program as a caller.
func (b *bench) child(ctx context.Context, role string, target netip.AddrPort, l load) (t tally, err error) {
	var out, faults bytes.Buffer
	cmd := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(b.cores[0]), b.self, "-role", role, //nolint:gosec // it is ourselves
		"-target", target.String(), "-rate", strconv.Itoa(l.Rate), "-calls", strconv.Itoa(l.Calls),
		"-hold="+strconv.FormatBool(l.Hold), "-talk", l.Talk.String(), "-cpuprofile", l.Profile)
	cmd.Stdout, cmd.Stderr = &out, &faults
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Run(); err != nil {
		return t, fmt.Errorf("caller %s: %w: %s", role, err, strings.TrimSpace(faults.String()))
	}
	if err := json.Unmarshal(out.Bytes(), &t); err != nil {
		return t, fmt.Errorf("caller %s: %w", role, err)
	}
	return t, nil
}

// runSipp runs sipp as a caller against a fresh callee. CPU is that of its whole process.
func (b *bench) runSipp(ctx context.Context, l load) (o outcome, err error) {
	u, err := b.answer(ctx, shortLinger)
	if err != nil {
		return o, err
	}
	defer u.kill() // where stop has not ended it
	begin := time.Now()
	used, own, err := b.call(ctx, u.addr, l)
	if err != nil {
		return o, err
	}
	o.CPU, o.Wall, o.Ended = used, time.Since(begin), own.Succeeded
	if own.Failed > 0 {
		o.Faults = map[string]int{"sipp: failed": own.Failed}
	}
	o.callee, err = u.stop(ctx)
	o.again = own.Again + o.callee.Again
	b.tell("sipp", l, o)
	return o, err
}

// perCall is the CPU of a call in µs.
func (o outcome) perCall(calls int) float64 { return float64(o.CPU.Microseconds()) / float64(calls) }

// stain says what was not clean about a run, or "".
func (o outcome) stain(l load) string {
	var parts []string
	if seen := o.seen(l); o.Ended < l.Calls || seen < l.Calls {
		parts = append(parts, fmt.Sprintf("%d of %d calls ended well for the caller, %d for the callee", o.Ended, l.Calls, seen))
	}
	for _, fault := range slices.Sorted(maps.Keys(o.Faults)) {
		parts = append(parts, fmt.Sprintf("%d × %s", o.Faults[fault], fault))
	}
	if o.again > 0 {
		parts = append(parts, fmt.Sprintf("%d retransmissions", o.again))
	}
	return strings.Join(parts, ", ")
}

// seen is how many calls of the load ended well for the callee: a first load, before it, did so whole.
func (o outcome) seen(l load) int {
	if l.Hold {
		return o.callee.Succeeded - l.Calls
	}
	return o.callee.Succeeded
}

// clean is how many of these calls are known to be good by every count: what is missing from one count may be there in
// the other, so that the gaps add up.
func clean(calls int, counts ...int) int {
	known := calls
	for _, n := range counts {
		known -= max(calls-n, 0)
	}
	return max(known, 0)
}

// tell prints one line of a run.
func (b *bench) tell(mode string, l load, o outcome) {
	stain := o.stain(l)
	if stain == "" {
		stain = "clean"
	}
	_, _ = fmt.Fprintf(b.out, "%-5s%6d calls at %4d/s: %4.0f µs CPU a call", mode, l.Calls, l.Rate, o.perCall(l.Calls))
	if mode != "sipp" { // which tells only its CPU
		_, _ = fmt.Fprintf(b.out, ", %.0f allocations (%.1f kB), set-up p50 %.1f p99 %.1f max %.1f ms, pace late p99 %.1f ms",
			float64(o.Objects)/float64(l.Calls), float64(o.Bytes)/float64(l.Calls)/1000, ms(o.P50), ms(o.P99), ms(o.Longest), ms(o.Late))
	}
	_, _ = fmt.Fprintf(b.out, "; %s\n", stain)
	if o.After != nil {
		_, _ = fmt.Fprintf(b.out, "      %d up at once; before: %s; %s after the last: %s (allowed: %d goroutines, 0 descriptors, %d bytes of heap a call more)\n",
			o.Up, o.Before, rest, o.After, moreGoroutines, morePerCall)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
