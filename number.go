package avanak

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
)

// Number is a telephone number as E.164 digits without the plus (ITU-T E.164); 0 is no number. Its String is masked, so
// that no log line or error text holds a person's number by accident; E164 and National give the digits.
type Number uint64

// Why a spelling is not a Number that we call. Each wraps ErrInvalid.
var (
	ErrNumber      = fmt.Errorf("%w number: not an Iranian mobile or fixed-line number", ErrInvalid)
	ErrEmergency   = fmt.Errorf("%w number: emergency and short codes are never called", ErrInvalid)
	ErrDestination = fmt.Errorf("%w number: this destination is not open (abroad, or premium rate)", ErrInvalid)
)

const iran = 98_00000_00000 // country code, then ten national digits

// E164 returns "+989120000001".
func (n Number) E164() string { return "+" + strconv.FormatUint(uint64(n), 10) }

// Digits returns "989120000001".
func (n Number) Digits() string { return strconv.FormatUint(uint64(n), 10) }

// National returns "09120000001", as people in the country write it.
func (n Number) National() string {
	return "0" + strconv.FormatUint(uint64(n)%iran, 10)
}

// String returns the number masked, "+98912****01": enough to recognise one's own, not enough to call it.
func (n Number) String() string {
	s := n.E164()
	if len(s) < 9 {
		return "+****"
	}
	return s[:6] + "****" + s[len(s)-2:]
}

// LogValue masks the number in logs.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText writes the full number, "+989120000001", and nothing for no number: JSON bodies and exports go to the
// number's owner.
func (n Number) MarshalText() ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	return []byte(n.E164()), nil
}

// UnmarshalText reads any spelling that ParseNumber takes; an empty text is no number.
func (n *Number) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*n = 0
		return nil
	}
	parsed, err := ParseNumber(string(b))
	*n = parsed
	return err
}

// Callable is the last check before a dial: only a well-formed Iranian number, never an emergency or short code.
func (n Number) Callable() error {
	if n < iran || n >= iran+1_00000_00000 {
		return ErrDestination
	}
	return checkNational(uint64(n) % iran)
}

// maxSpelling bounds what ParseNumber looks at: no spelling of a number is longer.
const maxSpelling = 64

// ParseNumber reads an Iranian number in the spellings that people and spreadsheets use: +98…, 0098…, 98…, 0…, bare,
// with Persian or Arabic digits, spaces, dashes, dots, brackets, and invisible marks (ZWNJ, bidi, BOM). What it returns
// for its own E164 text is the same number. Errors wrap ErrInvalid and never hold the text.
func ParseNumber(s string) (Number, error) {
	if len(s) > maxSpelling {
		return 0, ErrNumber
	}
	var (
		digits [20]byte
		n      int
		plus   bool
	)
	for _, r := range s {
		d, kind := foldDigit(r)
		switch {
		case kind == isDigit && n < len(digits):
			digits[n] = d
			n++
		case kind == isPlus && n == 0 && !plus:
			plus = true
		case kind == isSeparator:
		default:
			return 0, ErrNumber
		}
	}
	return fromDigits(string(digits[:n]), plus)
}

// fromDigits tells the country prefix from the number's own digits.
func fromDigits(d string, plus bool) (Number, error) {
	international := plus
	switch {
	case plus:
	case len(d) > 2 && d[:2] == "00":
		d, international = d[2:], true
	case len(d) == 12 && d[:2] == "98":
		international = true
	}
	if international {
		if len(d) < 2 || d[:2] != "98" {
			if len(d) < 7 || len(d) > 15 || d[0] == '0' {
				return 0, ErrNumber
			}
			return 0, ErrDestination
		}
		d = d[2:]
	}
	if len(d) > 0 && d[0] == '0' { // the trunk prefix; some write it behind +98 too
		d = d[1:]
	}
	if len(d) >= 2 && len(d) <= 5 && d[0] != '0' {
		return 0, ErrEmergency // every national short code: 110, 112, 115, 125, 1xxx, five-digit services
	}
	if len(d) != 10 {
		return 0, ErrNumber
	}
	national, err := strconv.ParseUint(d, 10, 64)
	if err != nil {
		return 0, ErrNumber
	}
	if err := checkNational(national); err != nil {
		return 0, err
	}
	return Number(iran + national), nil
}

// areaCodes of Iran's fixed network, by their two digits behind the trunk prefix 0.
var areaCodes = [100]bool{11: true, 13: true, 17: true, 21: true, 23: true, 24: true, 25: true, 26: true, 28: true,
	31: true, 34: true, 35: true, 38: true, 41: true, 44: true, 45: true, 51: true, 54: true, 56: true, 58: true,
	61: true, 66: true, 71: true, 74: true, 76: true, 77: true, 81: true, 83: true, 84: true, 86: true, 87: true}

// checkNational judges ten national digits.
func checkNational(n uint64) error {
	switch n / 1_0000_0000 { // the first two digits
	case 90, 91, 92, 93, 94, 99: // mobile
		switch n / 1000_0000 {
		case 909: // premium rate
			return ErrDestination
		case 941: // wireless data, no voice
			return ErrNumber
		}
		return nil
	case 95, 96, 97, 98:
		return ErrNumber
	}
	if !areaCodes[n/1_0000_0000] {
		return ErrNumber
	}
	if first := n % 1_0000_0000 / 1000_0000; first < 2 { // subscriber numbers start with 2..9: 0 and 1 are services
		return ErrNumber
	}
	return nil
}

type runeKind uint8

const (
	isOther runeKind = iota
	isDigit
	isPlus
	isSeparator
)

// foldDigit maps Latin, Persian (U+06F0…) and Arabic-Indic (U+0660…) digits to ASCII.
func foldDigit(r rune) (byte, runeKind) {
	switch {
	case r >= '0' && r <= '9':
		return byte(r), isDigit
	case r >= '۰' && r <= '۹':
		return byte('0' + r - '۰'), isDigit
	case r >= '٠' && r <= '٩':
		return byte('0' + r - '٠'), isDigit
	}
	switch r {
	case '+', '＋':
		return 0, isPlus
	case ' ', '-', '.', '(', ')', '/', '\t', '\u00a0', '\u2010', '\u2011', '\u2012', '\u2013', '\u2014',
		'\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u202f',
		'\u2066', '\u2067', '\u2068', '\u2069', '\ufeff':
		return 0, isSeparator
	}
	return 0, isOther
}

// NumberFault names the kind of refusal for reports: invalid, emergency or destination.
func NumberFault(err error) string {
	switch {
	case errors.Is(err, ErrEmergency):
		return "emergency"
	case errors.Is(err, ErrDestination):
		return "destination"
	}
	return "invalid"
}
