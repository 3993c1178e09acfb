package main

import (
	"context"
	"encoding/csv"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The lines of the README are run as they stand, but for the address, the data directory and the length of the sleep.
func TestTheFiveLinesOfTheReadmeWork(t *testing.T) {
	_, err := exec.LookPath("curl")
	require.NoError(t, err, "curl is missing: run make deps")
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	block := shellBlock(t, filepath.Join(root, "README.md"), "## The API in five lines")

	data := t.TempDir()
	for old, replacement := range map[string]string{
		"http://127.0.0.1:8080": startSandbox(t, data),
		"avanak-data":           data,
		"sleep 15":              "sleep 0.2",
	} {
		require.Equal(t, 1, strings.Count(block, old), "%q is to stand once in:\n%s", old, block)
		block = strings.Replace(block, old, replacement, 1)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", block)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "no_proxy=127.0.0.1")
	cmd.WaitDelay = time.Second // a curl that outlives bash holds the pipes
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, &said)
	require.Contains(t, string(out), `"total_rows":3,"accepted":3,`)
	require.Contains(t, string(out), `"run":"running"`)

	_, results, found := strings.Cut(string(out), "ordinal,number,")
	require.True(t, found, "no results in:\n%s", out)
	rows, err := csv.NewReader(strings.NewReader("ordinal,number," + results)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+3, "header and three people in:\n%s", out)
	last := len(rows[0]) - 1
	require.Equal(t, "sandbox", rows[0][last])
	for i, number := range []string{"+989120000001", "+989120000002", "+989120000003"} {
		require.Equal(t, number, rows[1+i][1])
		require.Equal(t, "true", rows[1+i][last])
	}
}

// startSandbox runs a gateway with the sandbox trunk until the test ends, and returns its base URL.
func startSandbox(t *testing.T, data string) string {
	t.Helper()
	gateway, err := startForDemo(t.Context(), data, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- gateway.Run(t.Context()) }() // the context ends before the cleanups begin
	t.Cleanup(func() { require.NoError(t, <-ended) })
	return gateway.URL()
}

// shellBlock returns the first sh block under a heading of a Markdown file, before the next heading.
func shellBlock(t *testing.T, file, heading string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, "%s has no %q", file, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	_, block, found := strings.Cut(section, "\n```sh\n")
	require.True(t, found, "no sh block under %q", heading)
	block, _, found = strings.Cut(block, "\n```\n")
	require.True(t, found, "the sh block under %q does not end", heading)
	return block
}
