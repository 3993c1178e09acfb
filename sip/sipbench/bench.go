package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	target := u.addr
	if via != nil {
		proxy, closeProxy, err := via(target)
		if err != nil {
			return o, errors.Join(err, u.kill())
		}
		defer closeProxy()
		target = proxy
	}
	if o.tally, err = b.child(ctx, role, target, l); err != nil {
		return o, errors.Join(err, u.kill())
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
	begin := time.Now()
	used, own, err := b.call(ctx, u.addr, l)
	if err != nil {
		return o, errors.Join(err, u.kill())
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

// stain says what was not clean about a run of this many calls, or "".
func (o outcome) stain(calls int) string {
	var parts []string
	if o.Ended < calls || o.callee.Succeeded < calls {
		parts = append(parts, fmt.Sprintf("%d of %d calls ended well for the caller, %d for the callee", o.Ended, calls, o.callee.Succeeded))
	}
	for _, fault := range slices.Sorted(maps.Keys(o.Faults)) {
		parts = append(parts, fmt.Sprintf("%d × %s", o.Faults[fault], fault))
	}
	if o.again > 0 {
		parts = append(parts, fmt.Sprintf("%d retransmissions", o.again))
	}
	return strings.Join(parts, ", ")
}

// clean is how many of these calls are known to be good by every count: what is missing from one count may be there in
// the other, so that the gaps add up.
func clean(calls int, counts ...int) int {
	known := calls
	for _, n := range counts {
		known -= calls - n
	}
	return max(known, 0)
}

// tell prints one line of a run.
func (b *bench) tell(mode string, l load, o outcome) {
	stain := o.stain(l.Calls)
	if stain == "" {
		stain = "clean"
	}
	_, _ = fmt.Fprintf(b.out, "%-5s %5d calls at %4d/s: %4.0f µs CPU a call, set-up p50 %.1f p99 %.1f max %.1f ms, pace late p99 %.1f ms; %s\n",
		mode, l.Calls, l.Rate, o.perCall(l.Calls), ms(o.P50), ms(o.P99), ms(o.Longest), ms(o.Late), stain)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
