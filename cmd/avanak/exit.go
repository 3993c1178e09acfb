package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/cmd/avanak/console"
)

// The exit codes, as the package comment and the help text name them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitRefused     = 2
	exitUnreachable = 3
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// refusalError is a fault of the command line or of what it names.
type refusalError struct{ err error }

func (r refusalError) Error() string { return r.err.Error() }
func (r refusalError) Unwrap() error { return r.err }

// refuse makes an error that ends with exitRefused.
func refuse(format string, args ...any) error { return refusalError{fmt.Errorf(format, args...)} }

// report prints an error as one line and returns the exit code.
func report(ctx context.Context, con *console.Console, err error) int {
	con.Clear()
	code := exitCode(ctx, err)
	switch code {
	case exitDone:
	case exitInterrupted:
		_, _ = fmt.Fprintln(con.Err, "avanak: interrupted")
	default:
		_, _ = fmt.Fprintln(con.Err, "avanak: "+console.Clean(err.Error()+advice(err)))
	}
	return code
}

func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		return exitInterrupted
	}
	problem, refused := errors.AsType[*client.Problem](err)
	if refused {
		refused = problem.Refused()
	} else {
		_, refused = errors.AsType[refusalError](err)
	}
	switch {
	case errors.Is(err, client.ErrUnreachable):
		return exitUnreachable
	case refused, errors.Is(err, avanak.ErrInvalid):
		return exitRefused
	}
	return exitFailed
}

// advice says what to do about an error whose text does not.
func advice(err error) string {
	if errors.Is(err, client.ErrUnreachable) {
		return " (start it with: avanak serve; or name another one with --url or AVANAK_URL)"
	}
	problem, ok := errors.AsType[*client.Problem](err)
	if !ok {
		return ""
	}
	switch {
	case problem.Status == http.StatusUnauthorized:
		return " (give a valid key in AVANAK_API_KEY or with --key-file)"
	case problem.Status == http.StatusForbidden:
		return " (this key may not do that: use the operator's)"
	case problem.Kind == "" && problem.Status == http.StatusNotFound:
		return " (is this the address of a gateway? see --url)"
	case problem.RetryAfter > 0:
		return fmt.Sprintf(" (try again in %s)", problem.RetryAfter)
	case problem.Status/100 == 5:
		return " (try again; if it stays so, the gateway's log says why)"
	}
	return ""
}
