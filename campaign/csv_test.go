package campaign

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avanak/avanak"
)

// line is a row as a test says it.
type line struct {
	at   int
	text string
}

func readAll(list rows) ([]line, error) {
	var all []line
	for {
		r, err := list.next()
		if errors.Is(err, errEnd) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, line{r.line, string(r.text)})
	}
}

func readCSV(text string) ([]line, error) {
	return readAll(&csvList{lines: newLines(strings.NewReader(text))})
}

func TestCSVFindsTheNumberColumn(t *testing.T) {
	const n = "09120000001"
	want := []line{{2, n}}
	for name, text := range map[string]string{
		"number":             "number\n" + n,
		"upper case":         "Name,PHONE\nx," + n,
		"mobile, semicolons": "name;mobile;city\nx;" + n + ";y",
		"msisdn, tabs":       "name\tmsisdn\nx\t" + n,
		"tel":                "tel,name\n" + n + ",x",
		"persian":            "نام,شماره\nx," + n,
		"persian, two words": "نام;شماره موبایل\nx;" + n,
		"arabic kaf and yeh": "نام,موبايل\nx," + n,
		"zwnj and spaces":    " \u200cموبایل\u200f ,x\n" + n + ",y",
		"byte order mark":    "\ufeffphone,name\r\n" + n + ",x\r\n",
		"mark and quotes":    "\ufeff\"phone\",name\n" + n + ",x",
		"quoted header":      "\"full, name\",\"Phone Number\"\nx," + n,
		"two candidates":     "mobile,tel\n" + n + ",02100000000",
		"declared separator": "sep=;\n" + n + ";a,b,c,d",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readCSV(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestCSVWithoutHeaderTakesTheFirstColumn(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []line
	}{
		"empty":                  {"", nil},
		"mark only":              {"\ufeff", nil},
		"one number, no end":     {"09120000001", []line{{1, "09120000001"}}},
		"words that name none":   {"customer,city\n09120000001,x", []line{{1, "customer"}, {2, "09120000001"}}},
		"a number beside a name": {"09120000001,mobile\n09120000002,tel", []line{{1, "09120000001"}, {2, "09120000002"}}},
		"header twice":           {"number\nnumber\n", []line{{2, "number"}}},
		"blank lines":            {"\n \r\n\u200c\n09120000001\n\n,,\n;\n09120000002\n\n", []line{{4, "09120000001"}, {7, ";"}, {8, "09120000002"}}},
		"more commas":            {"09120000001;a,b,c\n", []line{{1, "09120000001;a"}}},
		"a tie goes to the first": {
			"09120000001;a,b\n09120000002;x", []line{{1, "09120000001"}, {2, "09120000002"}},
		},
		"separators in quotes do not count": {"\"a,b,c,d\";x\ny;z", []line{{1, "a,b,c,d"}, {2, "y"}}},
		"short record":                      {"name,number\nx\ny,09120000001", []line{{2, ""}, {3, "09120000001"}}},
		"empty number":                      {"name,number\nx,\n", []line{{2, ""}}},
		"lines behind quoted newlines": {
			"number,note\n09120000001,\"two\r\nlines\"\n09120000002,\"three\n\nlines\"\n09120000003,x",
			[]line{{2, "09120000001"}, {4, "09120000002"}, {7, "09120000003"}},
		},
		"quoted number":   {"\"09120000001\",x", []line{{1, "09120000001"}}},
		"doubled quotes":  {"\"a \"\"b\"\"\",x", []line{{1, "a \"b\""}}},
		"closing newline": {"\"a\n\",x", []line{{1, "a\n"}}},
		"longest line":    {strings.Repeat("x", maxLine) + "\r\n09120000001", []line{{1, strings.Repeat("x", maxLine)}, {2, "09120000001"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readCSV(tt.text)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestCSVRefusesBrokenFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		text, reason string
		line         int
	}{
		"nul":                     {"09120000001\n0912\x000000002", "NUL byte", 2},
		"not utf-8":               {"09120000001\n\xc7\xe1\n", "not UTF-8", 2},
		"utf-16 little endian":    {"\xff\xfe0\x009\x00", "UTF-16", 1},
		"utf-16 big endian":       {"\xfe\xff\x000\x009", "UTF-16", 1},
		"long utf-16":             {"\xff\xfe" + strings.Repeat("0\x00", maxLine), "UTF-16", 1},
		"workbook":                {"PK\x03\x04\x14\x00", "workbook", 1},
		"old workbook":            {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook", 1},
		"long line":               {"09120000001\n" + strings.Repeat("1", maxLine+1) + "\n", "longer than 64 KiB", 2},
		"endless line":            {strings.Repeat("1", 1<<20), "longer than 64 KiB", 1},
		"long record":             {"a\n\"" + strings.Repeat("x\n", maxLine), "record is longer than 64 KiB", 2},
		"open quote":              {"a,b\nx,\"y\n\nz", "quote is not closed", 2},
		"bare quote":              {"a,b\nx,y\"z\n", "quote inside a field", 2},
		"text behind a quote":     {"a\n\"x\n\"y,z", "text behind a closing quote", 3},
		"spreadsheet's own text":  {"=\"09120000001\"\n", "quote inside a field", 1},
		"nul in a quoted newline": {"\"a\n\x00\"", "NUL byte", 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readCSV(tt.text)
			var broken *ListError
			require.ErrorAs(t, err, &broken)
			require.ErrorIs(t, err, avanak.ErrInvalid)
			require.Contains(t, broken.Reason, tt.reason)
			require.Equal(t, tt.line, broken.Line)
			require.NotContains(t, err.Error(), "0912")
		})
	}
}

func TestCSVPassesErrorsOfTheBodyOn(t *testing.T) {
	for _, broken := range []error{io.ErrUnexpectedEOF, errors.Join(io.EOF, errors.New("peer gone")), io.ErrClosedPipe} {
		body := io.MultiReader(strings.NewReader("09120000001\n09120000002"), failing{broken})
		got, err := readAll(&csvList{lines: newLines(body)})
		require.ErrorIs(t, err, broken)
		require.Equal(t, []line{{1, "09120000001"}}, got)
	}
}

// failing is a body that broke off.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// endless is a body of one byte without an end; it counts what was read.
type endless struct {
	b    byte
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.b
	}
	e.read += len(p)
	return len(p), nil
}

func TestEndlessLinesAreCutEarly(t *testing.T) {
	for _, b := range []byte("1\",x{") {
		for _, f := range []Format{CSV, NDJSON} {
			body := &endless{b: b}
			list, err := open(f, body)
			require.NoError(t, err)
			_, err = readAll(list)
			require.ErrorIs(t, err, avanak.ErrInvalid)
			require.LessOrEqual(t, body.read, 2*maxLine)
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"number\n09120000001\n", "\ufeffname;phone\r\nx;\"0912 000 0001\"\r\n", "a,\"b\n\"\"c\"\"\"\nd",
		"sep=;\na;b", "\"", "\"a\"b", "\xff\xfe", "a\tb\n\n\t\n", "۰۹۱۲۰۰۰۰۰۰۱؛", ",", "\r", "\"\n\n\n\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readCSV(text)
		lines := strings.Count(text, "\n") + 1
		last := 0
		for _, r := range got {
			require.Greater(t, r.at, last)
			require.LessOrEqual(t, r.at, lines)
			require.LessOrEqual(t, len(r.text), 2*maxLine)
			last = r.at
		}
		if err != nil {
			var broken *ListError
			require.ErrorAs(t, err, &broken)
			require.True(t, broken.Line >= 1 && broken.Line <= lines, "line %d of %d", broken.Line, lines)
			return
		}
		// What is no matter of taste is as the standard library reads it: it knows no marks and no declared separators,
		// and treats lone carriage returns as text.
		if strings.ContainsAny(text, "\r\ufeff") || strings.Contains(text, "sep=") {
			return
		}
		require.Equal(t, standardCSV(t, text), firstColumn(t, text))
	})
}

// firstColumn reads a file as if its first record were no header.
func firstColumn(t *testing.T, text string) []string {
	t.Helper()
	list := &csvList{lines: newLines(strings.NewReader(text)), begun: true}
	got, err := readAll(list)
	require.NoError(t, err)
	var column []string
	for _, r := range got {
		column = append(column, r.text)
	}
	return column
}

// standardCSV reads the first column by encoding/csv, without blank records.
func standardCSV(t *testing.T, text string) []string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	r.Comma = ','
	for l := range bytes.Lines([]byte(text)) {
		if !blank(l) {
			sep, _ := separator(bytes.TrimSuffix(l, []byte("\n")))
			r.Comma = rune(sep)
			break
		}
	}
	var column []string
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return column
		}
		require.NoError(t, err)
		if !blank([]byte(strings.Join(record, ""))) {
			column = append(column, record[0])
		}
	}
}
