package redistest_test

import (
	"runtime"
	"testing"
)

// recorder is a test that notes why it was ended.
type recorder struct {
	testing.TB
	fatal []any
}

func (r *recorder) Helper() {}

func (r *recorder) Fatal(args ...any) {
	r.fatal = args
	runtime.Goexit()
}
