package sip

import "github.com/avanak/avanak"

// NumberFormat is how a trunk wants numbers to be written in the user part of SIP URIs.
type NumberFormat string

// The formats.
const (
	E164          NumberFormat = "e164"          // +989120000001
	National      NumberFormat = "national"      // 09120000001
	International NumberFormat = "international" // 00989120000001
	Digits        NumberFormat = "digits"        // 989120000001
)

func numberFormats() []string {
	return []string{string(E164), string(National), string(International), string(Digits)}
}

func (f NumberFormat) valid() bool {
	switch f {
	case E164, National, International, Digits:
		return true
	}
	return false
}

// Format writes n as the trunk wants it. An unknown format writes E.164.
func (f NumberFormat) Format(n avanak.Number) string {
	switch f {
	case National:
		return n.National()
	case International:
		return "00" + n.Digits()
	case Digits:
		return n.Digits()
	case E164:
	}
	return n.E164()
}
