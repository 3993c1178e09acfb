package console

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// plainEvery is how often Status speaks where the output is no terminal.
const plainEvery = 5 * time.Second

// Console is where a command reads and writes. It is for one goroutine.
type Console struct {
	In       io.Reader
	Out, Err io.Writer
	Live     bool // Out is a terminal on which a line can be redrawn
	Color    bool // Out shows colours

	width func() int       // of the terminal, columns
	now   func() time.Time // the clock of plain progress
	shown bool             // a progress line stands at the cursor
	last  time.Time        // of the last plain progress line
}

// New returns a console without a terminal, for pipes and tests.
func New(in io.Reader, out, err io.Writer) *Console {
	return &Console{In: in, Out: out, Err: err, width: func() int { return 80 }, now: time.Now}
}

// Stdio returns the process's console; getenv is os.Getenv.
func Stdio(getenv func(string) string) *Console {
	c := New(os.Stdin, os.Stdout, os.Stderr)
	fd := int(os.Stdout.Fd())
	c.Live = term.IsTerminal(fd) && getenv("TERM") != "dumb"
	c.Color = c.Live && getenv("NO_COLOR") == ""
	c.width = func() int {
		if w, _, err := term.GetSize(fd); err == nil && w > 0 {
			return w
		}
		return 80
	}
	return c
}

// Line prints a line, above the progress line where there is one.
func (c *Console) Line(format string, args ...any) {
	c.Clear()
	_, _ = fmt.Fprintf(c.Out, format+"\n", args...) // a closed pipe ends the process by SIGPIPE, or the next request does
}

// Status shows progress: in place at a terminal, as a line every few seconds elsewhere.
func (c *Console) Status(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !c.Live {
		if now := c.now(); now.Sub(c.last) >= plainEvery {
			c.last = now
			_, _ = fmt.Fprintln(c.Out, text)
		}
		return
	}
	if room := c.width() - 1; len([]rune(text)) > room {
		text = string([]rune(text)[:max(room, 0)])
	}
	_, _ = fmt.Fprint(c.Out, "\r\x1b[K", text)
	c.shown = true
}

// Clear takes the progress line away.
func (c *Console) Clear() {
	if c.shown {
		_, _ = fmt.Fprint(c.Out, "\r\x1b[K")
		c.shown = false
	}
}

// Table prints rows in aligned columns under a header.
func (c *Console) Table(header []string, rows [][]string) error {
	c.Clear()
	w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			if i > 0 {
				_, _ = fmt.Fprint(w, "\t")
			}
			_, _ = fmt.Fprint(w, Clean(cell))
		}
		_, _ = fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil { // the writer keeps its first error
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// JSON prints a value for programs.
func (c *Console) JSON(v any) error {
	c.Clear()
	e := json.NewEncoder(c.Out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// Good returns text in green where colours are shown.
func (c *Console) Good(text string) string { return c.paint("32", text) }

// Bad returns text in red where colours are shown.
func (c *Console) Bad(text string) string { return c.paint("31", text) }

// Faint returns text in grey where colours are shown.
func (c *Console) Faint(text string) string { return c.paint("2", text) }

func (c *Console) paint(code, text string) string {
	if !c.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Clean replaces what could move the cursor or turn the reading direction: control characters and the marks of explicit
// bidirectional embedding. Letters of any script stay, and so does the zero-width non-joiner that Persian needs.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
}
