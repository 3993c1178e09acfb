package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStatusOnATerminalIsOneLineThatGoesAway(t *testing.T) {
	var out bytes.Buffer
	c := New(nil, &out, nil)
	c.Live, c.width = true, func() int { return 11 }
	c.Status("1 of 300, a long line")
	c.Status("2")
	c.Line("done")
	require.Equal(t, "\r\x1b[K1 of 300, \r\x1b[K2\r\x1b[Kdone\n", out.String())
}

func TestStatusElsewhereIsAPlainLineEveryFewSeconds(t *testing.T) {
	var out bytes.Buffer
	c := New(nil, &out, nil)
	now := time.Unix(1000, 0)
	c.now = func() time.Time { return now }
	for i := range 12 {
		c.Status("second %d", i)
		now = now.Add(time.Second)
	}
	c.Line("done")
	require.Equal(t, "second 0\nsecond 5\nsecond 10\ndone\n", out.String())
}

func TestStdioRespectsTheEnvironment(t *testing.T) {
	// Tests do not run at a terminal; what matters is that nothing turns escapes on by itself.
	c := Stdio(func(string) string { return "" })
	require.False(t, c.Live)
	require.False(t, c.Color)
	require.Equal(t, "x", c.Good("x")+c.Bad("")+c.Faint(""))
	c.Color = true
	require.Equal(t, "\x1b[32mx\x1b[0m", c.Good("x"))
}

func TestTableCleansItsCells(t *testing.T) {
	var out bytes.Buffer
	c := New(nil, &out, nil)
	require.NoError(t, c.Table([]string{"ID", "NAME"}, [][]string{{"a", "x\x1b[2J\ty\u202ez"}, {"bbbb", "خبر"}}))
	require.Equal(t, "ID    NAME\na     x [2J yz\nbbbb  خبر\n", out.String())
}

func TestJSONKeepsText(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, New(nil, &out, nil).JSON(map[string]string{"a": "<ب>"}))
	//nolint:testifylint // the spelling matters, not only the meaning
	require.Equal(t, "{\n  \"a\": \"<ب>\"\n}\n", out.String())
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;title\x07\u009b31m\u2066\r\n\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		clean := Clean(s)
		require.False(t, strings.ContainsFunc(clean, func(r rune) bool {
			return r < ' ' || (r >= 0x7f && r < 0xa0) || (r >= '\u202a' && r <= '\u202e') || (r >= '\u2066' && r <= '\u2069')
		}))
		require.Equal(t, clean, Clean(clean))
	})
}
