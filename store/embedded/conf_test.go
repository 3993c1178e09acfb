package embedded

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "/var/lib/avanak", `a "b" c`, "x\ny", `\`, `\x0a`, "\x00\xff", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := quote(s)
		require.NotContains(t, q, "\n")
		require.NotContains(t, q[1:len(q)-1], `"`)
		back, err := strconv.Unquote(q) // of what quote writes, Go and Redis read the same
		require.NoError(t, err)
		require.Equal(t, s, back)
	})
}

func TestMemoryLimit(t *testing.T) {
	quarter, err := memoryLimit(0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, quarter, int64(minMemory))
	for _, tt := range []struct{ configured, want int64 }{{minMemory, minMemory}, {1 << 62, quarter}} {
		got, err := memoryLimit(tt.configured)
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
}

func TestCgroupLimit(t *testing.T) {
	const ram = 8 << 30
	for text, want := range map[string]int64{"max\n": ram, "": ram, "1073741824\n": 1 << 30, "9223372036854771712\n": ram,
		"-1": ram, strings.Repeat("9", 40): ram} {
		require.Equal(t, want, cgroupLimit(text, ram), text)
	}
}
