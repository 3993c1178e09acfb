package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/avanak/avanak/cmd/avanak/console"
)

const description = `Avanak plays an audio clip to every number of a list, in permitted hours, as fast as the carriers allow.

Try it without a carrier: avanak demo

Exit codes: 0 done; 1 failed; 2 refused (usage, or input that the gateway does not take); 3 the gateway cannot be
reached; 130 interrupted.`

func main() {
	tuneCollector()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], console.Stdio(os.Getenv)))
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, con *console.Console) int {
	var grammar commands
	helped := false // kong goes on after it has printed help
	parser, err := kong.New(&grammar, kong.Name("avanak"), kong.Description(description),
		kong.Writers(con.Out, con.Err), kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 100}))
	if err != nil {
		return report(ctx, con, err)
	}
	command, err := parser.Parse(args)
	if helped {
		return exitDone
	}
	if err != nil {
		if parse, ok := errors.AsType[*kong.ParseError](err); ok {
			err = refuse("%w (see: avanak %s)", err, helpFor(parse.Context))
		}
		return report(ctx, con, err)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	return report(ctx, con, command.Run(con))
}

// helpFor names the help of the command that was meant.
func helpFor(c *kong.Context) string {
	if c == nil || c.Command() == "" {
		return "--help"
	}
	return c.Selected().Path() + " --help"
}
