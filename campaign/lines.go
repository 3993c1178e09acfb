package campaign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxLine bounds a line and a record, bytes. Memory does not grow with what a list claims to be.
const maxLine = 64 << 10

// row is one recipient as the list has it. text is valid until the next row is read.
type row struct {
	line int // physical line on which it starts
	text []byte
}

// errEnd is the end of a list. It is not io.EOF, which an error of the body may wrap: an upload that broke off must never
// pass for one that ended.
var errEnd = errors.New("end of list")

// rows reads a list; errEnd behind the last row, *ListError where the list as a whole is broken.
type rows interface {
	next() (row, error)
}

// lines reads physical lines, without their ends, checked for what no list in UTF-8 holds.
type lines struct {
	br *bufio.Reader
	n  int // of the line that was read last, 1-based
}

func newLines(body io.Reader) *lines {
	return &lines{br: bufio.NewReaderSize(body, maxLine+len("\r\n"))}
}

// next returns the next line, valid until the next call. An error of the body itself (the upload broke off) is passed on.
func (l *lines) next() ([]byte, error) {
	line, err := l.br.ReadSlice('\n')
	tooLong := errors.Is(err, bufio.ErrBufferFull)
	switch {
	case err == io.EOF && len(line) == 0: //nolint:errorlint // a wrapped io.EOF is a fault
		return nil, errEnd
	case err != nil && err != io.EOF && !tooLong: //nolint:errorlint // as above
		return nil, fmt.Errorf("read list: %w", err)
	}
	l.n++
	if l.n == 1 {
		if reason := foreign(line); reason != "" {
			return nil, &ListError{Line: l.n, Reason: reason}
		}
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	line = bytes.TrimRight(bytes.TrimSuffix(line, []byte("\n")), "\r")
	switch {
	case tooLong, len(line) > maxLine:
		return nil, &ListError{Line: l.n, Reason: "line is longer than 64 KiB"}
	case bytes.IndexByte(line, 0) >= 0:
		return nil, &ListError{Line: l.n, Reason: "NUL byte; the list must be text in UTF-8"}
	case !utf8.Valid(line):
		return nil, &ListError{Line: l.n, Reason: "not UTF-8; save the list as UTF-8"}
	}
	return line, nil
}

// foreign recognises, by a file's first bytes, formats that people send for a list, so that the answer says what to do.
func foreign(start []byte) string {
	switch {
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}):
		return "the list is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)"
	case bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0")):
		return "the list is a workbook; save it as CSV UTF-8"
	}
	return ""
}
