package campaign

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// ndjsonList reads numbers from lines that hold one JSON object each, {"number":"…"} and nothing else. Blank lines are
// passed over.
type ndjsonList struct{ lines *lines }

func (l *ndjsonList) next() (row, error) {
	for {
		line, err := l.lines.next()
		if err != nil {
			return row{}, err
		}
		if blank(line) {
			continue
		}
		text, reason := numberOf(line)
		if reason != "" {
			return row{}, &ListError{Line: l.lines.n, Reason: reason}
		}
		return row{line: l.lines.n, text: text}, nil
	}
}

const notAnObject = `not a JSON object; a row is {"number":"…"}`

// numberOf reads one row; reason says what it breaks, "" for nothing. encoding/json alone would let pass what a strict
// reader must not: other case, repeated fields, null.
func numberOf(line []byte) (text []byte, reason string) {
	if text, ok := plainNumber(line); ok {
		return text, ""
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, notAnObject
	}
	found := false
	for dec.More() {
		name, err := dec.Token()
		switch {
		case err != nil:
			return nil, notAnObject
		case name != "number":
			return nil, `unknown field; a row is {"number":"…"}`
		case found:
			return nil, "number is given twice"
		}
		value, err := dec.Token()
		if err != nil {
			return nil, notAnObject
		}
		number, ok := value.(string)
		if !ok {
			return nil, "number must be a string"
		}
		text, found = []byte(number), true
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return nil, notAnObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, "text behind the object; one object a line"
	}
	if !found {
		return nil, "number is missing"
	}
	return text, ""
}

// plainNumber takes the short way for rows as programs write them: no spaces, and nothing but digits and a plus between
// the quotes.
func plainNumber(line []byte) ([]byte, bool) {
	text, ok := bytes.CutPrefix(line, []byte(`{"number":"`))
	if !ok {
		return nil, false
	}
	if text, ok = bytes.CutSuffix(text, []byte(`"}`)); !ok {
		return nil, false
	}
	for _, b := range text {
		if (b < '0' || b > '9') && b != '+' {
			return nil, false
		}
	}
	return text, true
}
