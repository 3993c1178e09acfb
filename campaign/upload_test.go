package campaign

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/avanak/avanak"
)

var update = flag.Bool("update", false, "write the golden files anew")

// nobody is an empty suppression list.
type nobody struct{}

func (nobody) HasMany(_ context.Context, numbers []avanak.Number) ([]bool, error) {
	return make([]bool, len(numbers)), nil
}

func newUpload(cfg Config) *upload {
	return &upload{s: &Service{cfg: cfg.withDefaults(), suppressed: nobody{}}, seen: newNumberSet(0)}
}

// TestListsOfTheWorld judges files as customers send them: testdata/lists holds a file and what is to come of it.
func TestListsOfTheWorld(t *testing.T) {
	files, err := filepath.Glob("testdata/lists/*.*sv")
	require.NoError(t, err)
	more, err := filepath.Glob("testdata/lists/*.ndjson")
	require.NoError(t, err)
	files = append(files, more...)
	require.GreaterOrEqual(t, len(files), 8)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got := judgeFile(t, file)
			if *update {
				require.NoError(t, os.WriteFile(file+".golden", []byte(got), 0o600))
			}
			want, err := os.ReadFile(file + ".golden")
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func judgeFile(t *testing.T, file string) string {
	t.Helper()
	body, err := os.Open(file)
	require.NoError(t, err)
	defer body.Close()
	format := CSV
	if strings.HasSuffix(file, ".ndjson") {
		format = NDJSON
	}
	list, err := open(format, body)
	require.NoError(t, err)
	u := newUpload(Config{})
	if err := u.read(t.Context(), list); err != nil {
		return err.Error() + "\n"
	}
	_, err = u.states(t.Context())
	require.NoError(t, err)
	text, err := json.MarshalIndent(struct {
		Numbers []avanak.Number
		Receipt Receipt
	}{u.numbers, u.receipt}, "", " ")
	require.NoError(t, err)
	return string(text) + "\n"
}

// spelling draws a way to write a number that people and programs use.
func spelling(t *rapid.T, n avanak.Number) string {
	national := n.National()
	digits := rapid.SampledFrom([]string{n.E164(), "00" + n.Digits(), n.Digits(), national, national[1:]}).Draw(t, "form")
	if zero := rapid.SampledFrom([]rune("0۰٠")).Draw(t, "digits"); zero != '0' {
		digits = strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return zero + r - '0'
			}
			return r
		}, digits)
	}
	var b strings.Builder
	for _, r := range digits {
		b.WriteString(rapid.SampledFrom([]string{"", "", "", " ", "-", "\u200c", "\u200e", "\u00a0", "."}).Draw(t, "mark"))
		b.WriteRune(r)
	}
	return b.String()
}

// TestEverySpellingIsOneNumber: whatever the spelling and the format, a list comes to the same numbers in the order of
// their first rows; and what it comes to, written as a list, comes to itself.
func TestEverySpellingIsOneNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var csvText, jsonText strings.Builder
		var want []avanak.Number
		seen := map[avanak.Number]bool{}
		rows := rapid.IntRange(1, 30).Draw(t, "rows")
		for range rows {
			n := avanak.Number(989120000000 + rapid.Uint64Range(0, 20).Draw(t, "n"))
			text := spelling(t, n)
			csvText.WriteString(text + rapid.SampledFrom([]string{"\n", "\r\n", ",x\n", ",\"a\nb\"\n"}).Draw(t, "end"))
			row, err := json.Marshal(map[string]string{"number": text})
			require.NoError(t, err)
			jsonText.Write(append(row, '\n'))
			if !seen[n] {
				seen[n] = true
				want = append(want, n)
			}
		}
		var again strings.Builder
		for _, n := range want {
			again.WriteString(n.E164() + "\n")
		}
		for _, list := range []struct {
			format Format
			text   string
			rows   int
		}{{CSV, "number,x\n" + csvText.String(), rows}, {NDJSON, jsonText.String(), rows}, {CSV, again.String(), len(want)}} {
			u := newUpload(Config{})
			body, err := open(list.format, strings.NewReader(list.text))
			require.NoError(t, err)
			require.NoError(t, u.read(context.Background(), body))
			require.Equal(t, want, u.numbers)
			require.Equal(t, list.rows, u.receipt.Rows)
			require.Equal(t, list.rows-len(want), u.receipt.refused())
		}
	})
}

func TestReportNamesTheFirstRefusals(t *testing.T) {
	u := newUpload(Config{})
	body, err := open(CSV, strings.NewReader(strings.Repeat("110\n", maxReported)+"0912 000 0001\n"))
	require.NoError(t, err)
	require.NoError(t, u.read(t.Context(), body))
	require.Len(t, u.receipt.Rejected, maxReported)
	require.False(t, u.receipt.Truncated)

	u.refuse(7, "invalid")
	require.Len(t, u.receipt.Rejected, maxReported)
	require.True(t, u.receipt.Truncated)
	require.Equal(t, maxReported+1, u.receipt.refused())
}

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := newUpload(Config{})
	body, err := open(CSV, strings.NewReader(strings.Repeat("09120000001\n", 2*checkRows)))
	require.NoError(t, err)
	require.ErrorIs(t, u.read(ctx, body), context.Canceled)
	require.Equal(t, checkRows, u.receipt.Rows)
}

func TestUploadsShareTheRoomForNumbers(t *testing.T) {
	cfg := Config{MaxRecipients: heldStep + 1, MaxHeld: heldStep + 1}
	first := newUpload(cfg)
	fill := func(u *upload, n int) error {
		for i := range n {
			if err := u.judge(row{text: []byte(avanak.Number(989120000000 + i).E164())}); err != nil {
				return err
			}
		}
		return nil
	}
	require.NoError(t, fill(first, heldStep+1))
	second := &upload{s: first.s, seen: newNumberSet(0)}
	require.ErrorIs(t, fill(second, 1), avanak.ErrLimited)
	second.release()
	first.release()
	require.NoError(t, fill(second, 1))
	second.release()
	require.Zero(t, first.s.held.Load())
}

func TestACampaignHasAMostOfRecipients(t *testing.T) {
	u := newUpload(Config{MaxRecipients: 2})
	body, err := open(CSV, strings.NewReader("09120000001\n09120000002\n09120000001\nx\n"))
	require.NoError(t, err)
	require.NoError(t, u.read(t.Context(), body))
	body, err = open(CSV, strings.NewReader("09120000003\n"))
	require.NoError(t, err)
	require.ErrorIs(t, u.read(t.Context(), body), avanak.ErrLimited)
}
