package app

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// socketOf is where the embedded store of a data directory listens.
func socketOf(t *testing.T, data string) string {
	t.Helper()
	conf, err := os.ReadFile(filepath.Join(data, "redis", "redis.conf"))
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^unixsocket "([^"]+)"`).FindSubmatch(conf)
	require.Len(t, found, 2)
	return string(found[1])
}

// processID reads a process id.
func processID(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	require.Greater(t, n, 1)
	return n
}
