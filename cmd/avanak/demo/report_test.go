package demo

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak/cmd/avanak/client"
	"github.com/avanak/avanak/sip/siptest"
)

func splitLines(b []byte) []string { return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") }

// statusOf is the final response that a behaviour leads to, 200 for whoever answers.
func statusOf(b siptest.Behaviour) int {
	if b.Kind == siptest.Answer && b.Status == 0 {
		return 200
	}
	return b.Status
}

func writeTestFiles(t *testing.T, h History) string {
	t.Helper()
	dir := t.TempDir()
	checks := Judge(h)
	s := summarise(h, checks, client.Readiness{Store: "embedded", Durability: "always"}, time.Minute)
	require.NoError(t, writeFiles(dir, h, []byte("ordinal,number\n"), s, checks))
	return dir
}

func TestReportIsSelfContained(t *testing.T) {
	h := goodHistory()
	b, err := os.ReadFile(filepath.Join(writeTestFiles(t, h), reportFile))
	require.NoError(t, err)
	text := string(b)
	for _, outside := range []string{"http://", "https://", "//cdn", "<script", "<link", "<img", "@import", "url("} {
		require.NotContains(t, text, outside)
	}
	require.Contains(t, text, `dir="rtl"`)
	require.Contains(t, text, "prefers-color-scheme: dark")
	require.Contains(t, text, "All checks passed")
	require.Contains(t, text, "17 calls heard to the end, bit for bit")
	require.NotRegexp(t, `9120000\d`, text, "numbers are masked")
	require.NotContains(t, text, "ZgotmplZ", "the template engine distrusted something")
	wellFormed(t, text)
}

func TestReportTellsFailures(t *testing.T) {
	h := goodHistory()
	h.Rows[16].State = "pending<script>"
	b, err := os.ReadFile(filepath.Join(writeTestFiles(t, h), reportFile))
	require.NoError(t, err)
	require.Contains(t, string(b), "findings: 1")
	require.Contains(t, string(b), "is left as pending&lt;script&gt;")
}

func TestFilesOfAnEmptyHistory(t *testing.T) {
	dir := writeTestFiles(t, History{Golden: testClip()})
	wav, err := os.ReadFile(filepath.Join(dir, heardFile))
	require.NoError(t, err)
	require.Len(t, wav, wavHead)
}

func TestRecordingBeginsWithTheClip(t *testing.T) {
	wav, err := os.ReadFile(filepath.Join(writeTestFiles(t, goodHistory()), heardFile))
	require.NoError(t, err)
	require.Len(t, wav, wavHead+2*len(testClip()))
}

// wellFormed reads the page as XML does, with HTML's void elements closed: what is nested wrongly shows.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	body := text[strings.Index(text, "<body>") : strings.Index(text, "</body>")+len("</body>")]
	d := xml.NewDecoder(strings.NewReader(body))
	d.AutoClose = []string{"br"}
	d.Strict = false
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
		case xml.EndElement:
			require.Equal(t, open[len(open)-1], e.Name.Local)
			open = open[:len(open)-1]
		}
	}
	require.Empty(t, open)
}
