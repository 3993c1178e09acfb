package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	n := flag.Int("n", 100_000, "recipients of the campaign whose memory is measured")
	out := flag.String("out", "", "write the figures as JSON to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *n, *out)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "queuebench:", err)
		os.Exit(1)
	}
}

// errMissed means that all was measured and something is not good enough.
var errMissed = errors.New("a figure misses its goal")

func run(ctx context.Context, n int, out string) error {
	if n < 1 {
		return errors.New("-n must be at least 1")
	}
	r := report{Commit: commit(ctx), Machine: thisMachine()}
	for _, measure := range []func() (figure, error){
		func() (figure, error) { return queuedBytes(ctx, n) },
		func() (figure, error) { return doneBytes(ctx) },
		func() (figure, error) { return durableRate(ctx) },
	} {
		f, err := measure()
		if err != nil {
			return err
		}
		r.Figures = append(r.Figures, f)
	}
	r.print(os.Stdout)
	if out != "" {
		if err := r.write(out); err != nil {
			return err
		}
	}
	for _, f := range r.Figures {
		if !f.OK {
			return errMissed
		}
	}
	return nil
}
