package campaign

import (
	"bytes"
	"errors"
	"unicode"

	"github.com/avanak/avanak"
)

// csvList reads numbers from a CSV file (RFC 4180) as spreadsheets write them: separated by comma, semicolon or tab, which
// the first line decides; with or without a header; from the header's number column, else from the first. A record whose
// fields are all empty is passed over.
type csvList struct {
	lines  *lines
	sep    byte // 0 until the first line was seen
	begun  bool // the first record was seen
	column int
	text   []byte // the record's fields, one behind the other
	ends   []int  // where each ends in text
}

func (c *csvList) next() (row, error) {
	for {
		line, err := c.lines.next()
		if err != nil {
			return row{}, err
		}
		if c.sep == 0 {
			if blank(line) {
				continue
			}
			var declared bool
			if c.sep, declared = separator(line); declared {
				continue
			}
		}
		at := c.lines.n
		if err := c.split(line); err != nil {
			return row{}, err
		}
		if blank(c.text) {
			continue
		}
		if !c.begun {
			c.begun = true
			if column, ok := c.header(); ok {
				c.column = column
				continue
			}
		}
		return row{line: at, text: c.field(c.column)}, nil
	}
}

// field returns a field of the record; nil where the record has fewer.
func (c *csvList) field(i int) []byte {
	switch {
	case i >= len(c.ends):
		return nil
	case i == 0:
		return c.text[:c.ends[0]]
	}
	return c.text[c.ends[i-1]:c.ends[i]]
}

// split takes a record apart that starts with this line.
func (c *csvList) split(line []byte) error {
	c.text, c.ends = c.text[:0], c.ends[:0]
	for {
		if len(line) > 0 && line[0] == '"' {
			rest, err := c.quoted(line[1:])
			if err != nil {
				return err
			}
			line = rest
		} else {
			end := bytes.IndexByte(line, c.sep)
			if end < 0 {
				end = len(line)
			}
			if bytes.IndexByte(line[:end], '"') >= 0 {
				return &ListError{Line: c.lines.n, Reason: "quote inside a field that does not start with one"}
			}
			c.text = append(c.text, line[:end]...)
			line = line[end:]
		}
		c.ends = append(c.ends, len(c.text))
		if len(line) == 0 {
			return nil
		}
		line = line[1:]
	}
}

// quoted appends a field to text whose opening quote is read, and returns the rest of the line on which it closes: empty,
// or from the separator on.
func (c *csvList) quoted(line []byte) (rest []byte, err error) {
	opened := c.lines.n
	for {
		quote := bytes.IndexByte(line, '"')
		if quote < 0 {
			c.text = append(append(c.text, line...), '\n')
			if len(c.text) > maxLine {
				return nil, &ListError{Line: opened, Reason: "record is longer than 64 KiB; perhaps a quote is not closed"}
			}
			line, err = c.lines.next()
			if errors.Is(err, errEnd) {
				return nil, &ListError{Line: opened, Reason: "quote is not closed"}
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		c.text = append(c.text, line[:quote]...)
		line = line[quote+1:]
		switch {
		case len(line) == 0 || line[0] == c.sep:
			return line, nil
		case line[0] != '"':
			return nil, &ListError{Line: c.lines.n, Reason: "text behind a closing quote"}
		}
		c.text = append(c.text, '"')
		line = line[1:]
	}
}

// separator reads the separator off a file's first line: the candidate that stands there most often outside quotes, and of
// equals the first. A line "sep=;", which spreadsheets write and obey, declares it and is no record.
func separator(line []byte) (sep byte, declared bool) {
	const candidates = ",;\t"
	if rest, ok := bytes.CutPrefix(line, []byte("sep=")); ok && len(rest) == 1 && bytes.ContainsAny(rest, candidates) {
		return rest[0], true
	}
	var count [256]int
	var order []byte
	quoted := false
	for _, b := range line {
		switch {
		case b == '"':
			quoted = !quoted
		case !quoted && (b == ',' || b == ';' || b == '\t'):
			if count[b] == 0 {
				order = append(order, b)
			}
			count[b]++
		}
	}
	sep = ','
	for i, b := range order {
		if i == 0 || count[b] > count[sep] {
			sep = b
		}
	}
	return sep, false
}

// headers are the names of a number column, as fold writes them.
var headers = map[string]bool{
	"number": true, "phone": true, "phonenumber": true, "mobile": true, "mobilenumber": true, "msisdn": true, "tel": true,
	"telephone": true, "cell": true, "cellphone": true,
	"شماره": true, "موبایل": true, "تلفن": true, "همراه": true, "شمارهموبایل": true, "شمارهتلفن": true, "شمارههمراه": true,
	"تلفنهمراه": true,
}

// header finds the number column where the first record names one. A record that holds a number is no header, whatever
// else it says.
func (c *csvList) header() (column int, ok bool) {
	for i := range c.ends {
		if _, err := avanak.ParseNumber(string(c.field(i))); err == nil {
			return 0, false
		}
		if !ok && headers[fold(c.field(i))] {
			column, ok = i, true
		}
	}
	return column, ok
}

// fold writes a column's name without what people vary: case, spaces, dashes, invisible marks, Arabic for Persian letters.
func fold(name []byte) string {
	folded := make([]rune, 0, len(name))
	for _, r := range string(name) {
		switch {
		case invisible(r), r == '_', r == '-', r == '.':
			continue
		case r == 'ي', r == 'ى':
			r = 'ی'
		case r == 'ك':
			r = 'ک'
		}
		folded = append(folded, unicode.ToLower(r))
	}
	return string(folded)
}

// blank tells whether a text shows nothing.
func blank(text []byte) bool {
	return bytes.IndexFunc(text, func(r rune) bool { return !invisible(r) }) < 0
}

// invisible is white space and format marks (ZWNJ, bidi, BOM).
func invisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }
