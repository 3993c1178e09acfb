package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// proof is a test, or the file of a cure, that docs/faults.md names: `sip.TestX`, `sip/digest.TestX`, `sip/leg.go`.
var proof = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+|go)`")

// A table of faults that names a test which was renamed or deleted promises what nobody holds.
func TestFaultsAreHeldByTestsThatExist(t *testing.T) {
	const root = "../.."
	table, err := os.ReadFile(filepath.Join(root, "docs", "faults.md"))
	require.NoError(t, err)
	named := proof.FindAllStringSubmatch(string(table), -1)
	require.NotEmpty(t, named)
	for _, m := range named {
		if m[2] == "go" {
			require.FileExists(t, filepath.Join(root, m[1]+".go"))
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, m[1], "*_test.go"))
		require.NoError(t, err)
		require.True(t, holds(t, files, "func "+m[2]+"("), "%s has no %s", m[1], m[2])
	}
}

// holds tells whether one of the files has the text.
func holds(t *testing.T, files []string, text string) bool {
	t.Helper()
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		if strings.Contains(string(b), text) {
			return true
		}
	}
	return false
}
