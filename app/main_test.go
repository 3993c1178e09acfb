package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// binaryDir is where the tests' own gateway binary is built; made by TestMain, so that it is gone after a failure too.
var binaryDir string

func TestMain(m *testing.M) {
	var err error
	if binaryDir, err = os.MkdirTemp("", "avanak-test-"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(binaryDir)
		os.Exit(code)
	}))
}

// buildBinary builds the real gateway, once, for the tests that kill it.
var buildBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaryDir, "avanak")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/avanak").CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: "go build: " + strings.TrimSpace(string(out)), Err: err}
	}
	return path, nil
})

func binary(t *testing.T) string {
	t.Helper()
	path, err := buildBinary()
	require.NoError(t, err)
	return path
}
