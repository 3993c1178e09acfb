package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/avanak/avanak/internal/figures"
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

func run(ctx context.Context, n int, out string) error {
	if n < 1 {
		return errors.New("-n must be at least 1")
	}
	r := figures.NewReport(ctx)
	for _, measure := range []func() (figures.Figure, error){
		func() (figures.Figure, error) { return queuedBytes(ctx, n) },
		func() (figures.Figure, error) { return doneBytes(ctx) },
		func() (figures.Figure, error) { return durableRate(ctx) },
	} {
		f, err := measure()
		if err != nil {
			return err
		}
		r.Figures = append(r.Figures, f)
	}
	r.Print(os.Stdout)
	if out != "" {
		if err := r.Write(out); err != nil {
			return err
		}
	}
	return r.Verdict()
}
