package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/avanak/avanak/internal/figures"
)

func main() {
	var l load
	flag.IntVar(&l.Calls, "calls", 10_000, "calls of a run in which CPU is measured")
	role := flag.String("role", "", "run this caller only, once, and write no figures: ours, bare or sipp")
	flag.StringVar(&l.Target, "target", "", "with -role: be the caller of this callee, ip:port, in this process and print a tally")
	flag.IntVar(&l.Rate, "rate", 2000, "with -role: calls a second")
	flag.BoolVar(&l.Hold, "hold", false, "with -role: hang up only when all calls are up, then look for leaks")
	flag.DurationVar(&l.Talk, "talk", 0, "with -role: how long each call lasts")
	flag.StringVar(&l.Profile, "cpuprofile", "", "with -role: write a CPU profile of the load to this file")
	out := flag.String("out", "", "write the figures as JSON to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *role != "" && l.Target != "" {
		err = play(ctx, *role, l)
	} else {
		err = run(ctx, *role, l, *out)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sipbench:", err)
		os.Exit(1)
	}
}

// run takes all figures, or runs one caller where a role is named.
func run(ctx context.Context, role string, l load, out string) error {
	// Processes that we start are killed when the thread that forked them ends (prctl(2), PR_SET_PDEATHSIG): it must be
	// one that lives until we end.
	runtime.LockOSThread()
	if l.Calls < 1 || l.Rate < 1 {
		return errors.New("-calls and -rate must be at least 1")
	}
	r := figures.NewReport(ctx)
	b, err := newBench(os.Stdout)
	if err != nil {
		return err
	}
	defer b.close()
	if role != "" {
		_, err := b.one(ctx, role, l)
		return err
	}
	for _, measure := range []func(context.Context) ([]figures.Figure, error){
		func(ctx context.Context) ([]figures.Figure, error) { return b.cost(ctx, l.Calls) },
		b.setup, b.held, b.lossy,
	} {
		f, err := measure(ctx)
		if err != nil {
			return err
		}
		r.Figures = append(r.Figures, f...)
	}
	r.Print(os.Stdout)
	if out != "" {
		if err := r.Write(out); err != nil {
			return err
		}
	}
	return r.Verdict()
}
