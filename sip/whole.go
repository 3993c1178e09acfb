package sip

import (
	"bytes"
	"hash/maphash"
	"time"

	"github.com/emiago/sipgo/sip"
)

// mandatory are the headers without which a response belongs to no request (RFC 3261 section 8.1.1), in their long and
// their short form.
var mandatory = [...][2]string{{"via", "v"}, {"from", "f"}, {"to", "t"}, {"call-id", "i"}, {"cseq", ""}}

const whole = 1<<len(mandatory) - 1

// digest of a response's head: what the door must know before sipgo sees it.
type head struct {
	refusal bool   // a final response of 300 or above
	key     uint64 // the same for copies of one response: of its status line, its first Via and its CSeq
}

// headOf reads the head of a response; false means that it is none: a status out of range (RFC 3261 section 7.2), or a
// mandatory header is missing. sipgo matches responses by branch and method only, so that such a one would end the
// transaction of an INVITE whose true response is still to come.
func headOf(seed maphash.Seed, b []byte) (head, bool) {
	if end := bytes.Index(b, []byte("\r\n\r\n")); end >= 0 {
		b = b[:end+2]
	}
	status, b, _ := bytes.Cut(b, []byte("\n"))
	f := bytes.Fields(status)
	if len(f) < 2 || len(f[1]) != 3 || f[1][0] < '1' || f[1][0] > '6' {
		return head{}, false
	}
	var sum maphash.Hash
	sum.SetSeed(seed)
	_, _ = sum.Write(f[1]) // a hash never fails
	found := 0
	for line := range bytes.Lines(b) {
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		name = bytes.TrimSpace(name)
		for i, m := range mandatory {
			if !foldsTo(name, m[0]) && !foldsTo(name, m[1]) {
				continue
			}
			if first := found&(1<<i) == 0; first && (i == 0 || i == len(mandatory)-1) {
				_, _ = sum.Write(line)
			}
			found |= 1 << i
		}
	}
	return head{refusal: f[1][0] >= '3', key: sum.Sum64()}, found == whole
}

func foldsTo(name []byte, header string) bool {
	return header != "" && len(name) == len(header) && bytes.EqualFold(name, []byte(header))
}

// Bounds of the copies of a refusal that pass the door.
const (
	maxCopies = 3 // within T2
	copySlots = 512
)

// copies lets few copies of a refusal pass: sipgo answers each with an ACK, one after the other and T2 apart, and a far
// end that sends the same refusal without end would pile up goroutines for hours. Only the reader of the socket uses it.
type copies [copySlots]struct {
	key   uint64
	since time.Time
	n     int
}

// pass tells whether a refusal may go on. Two that fall into one slot push each other out, and both pass.
func (c *copies) pass(key uint64, now time.Time) bool {
	s := &c[key%copySlots]
	if s.key != key || now.Sub(s.since) >= sip.T2 {
		s.key, s.since, s.n = key, now, 0
	}
	s.n++
	return s.n <= maxCopies
}
