package demo

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/avanak/avanak"
)

// The demo's people: recipients 0912 000 0001 to 0300, and 0912 000 0901 to 0905 for the fast messages.
const (
	firstRecipient = avanak.Number(98_912_000_0001)
	recipients     = 300
	firstFast      = avanak.Number(98_912_000_0901)
	fastMessages   = 5
	suppressed     = avanak.Number(98_912_000_0077)
)

// List is the customer's list, and what is in it.
type List struct {
	CSV        []byte
	Numbers    []avanak.Number // to be called, each once; the suppressed one is among them
	Suppressed avanak.Number
	Rows       int // without the header
	Duplicates int
	Invalid    int
	Emergency  int
}

// newList writes the numbers in every spelling that people and spreadsheets use, and five rows that nobody may call.
func newList() List {
	l := List{Suppressed: suppressed}
	var b bytes.Buffer
	row := func(text string) {
		b.WriteString(text + "\n")
		l.Rows++
	}
	b.WriteString("number\n")
	for i := range recipients {
		n := firstRecipient + avanak.Number(i)
		l.Numbers = append(l.Numbers, n)
		row(spell(n, i))
		switch i {
		case 99: // the same people again, spelled otherwise
			row(spell(firstRecipient+9, 1))
			row(spell(firstRecipient+49, 5))
			l.Duplicates += 2
		case 199:
			row("not-a-number")
			row("0912-000-00") // too short for anything
			row("110")         // the police
			l.Invalid += 2
			l.Emergency++
		}
	}
	l.CSV = b.Bytes()
	return l
}

// persian writes digits as Persian ones.
var persian = strings.NewReplacer("0", "۰", "1", "۱", "2", "۲", "3", "۳", "4", "۴", "5", "۵", "6", "۶", "7", "۷", "8",
	"۸", "9", "۹")

// spell writes a number in one of six ways.
func spell(n avanak.Number, way int) string {
	digits, national := n.Digits(), n.National()
	switch way % 6 {
	case 0:
		return "+" + digits
	case 1:
		return "00" + digits
	case 2:
		return national
	case 3:
		return national[1:] // a spreadsheet took the 0 for decoration
	case 4:
		return fmt.Sprintf("%s %s %s", national[:4], national[4:7], national[7:])
	}
	return persian.Replace(national)
}
