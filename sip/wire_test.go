package sip_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/avanak/avanak/internal/impair"
)

// wire is what either side sent over a bad network, and how much of it got through, by Call-ID. It tells a message that
// was never sent from one that was sent and lost.
type wire struct {
	mu    sync.Mutex
	calls map[string]map[said]passage // guarded by mu
	other int                         // datagrams that are no SIP message; guarded by mu
}

// said is a kind of message: "BYE" is a request, "BYE 200" a response to one.
type said struct {
	to   impair.Direction
	what string
}

// passage counts the datagrams of one kind.
type passage struct{ sent, passed int }

// allLost tells whether it was said often and never heard. Sent again for 64*T1, a request leaves 18 times by Timer E
// (RFC 3261 section 17.1.2.2: T1, 2*T1, then every T2); a machine under load makes fewer of them, never as few as this.
func (p passage) allLost() bool { return p.sent >= 8 && p.passed == 0 }

func (w *wire) watch(d impair.Datagram) {
	head, _, _ := bytes.Cut(d.Payload, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	what, callID := lines[0], ""
	status, isResponse := strings.CutPrefix(what, "SIP/2.0 ")
	what, _, _ = strings.Cut(what, " ")
	for _, line := range lines[1:] {
		if v, ok := strings.CutPrefix(line, "Call-ID: "); ok {
			callID = v
		}
		if v, ok := strings.CutPrefix(line, "CSeq: "); ok && isResponse {
			_, method, _ := strings.Cut(v, " ")
			what = method + " " + status[:min(3, len(status))]
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if callID == "" {
		w.other++
		return
	}
	if w.calls == nil {
		w.calls = map[string]map[said]passage{}
	}
	call := w.calls[callID]
	if call == nil {
		call = map[said]passage{}
		w.calls[callID] = call
	}
	n := call[said{d.Direction, what}]
	n.sent++
	if !d.Lost {
		n.passed++
	}
	call[said{d.Direction, what}] = n
}

// ours are the datagrams of one kind that the agent sent, theirs those of the callee; what ends in a blank stands for
// all that begin so.
func (w *wire) ours(callID, what string) passage   { return w.sum(callID, impair.ToTarget, what) }
func (w *wire) theirs(callID, what string) passage { return w.sum(callID, impair.ToClient, what) }

func (w *wire) sum(callID string, to impair.Direction, what string) passage {
	w.mu.Lock()
	defer w.mu.Unlock()
	var sum passage
	for s, n := range w.calls[callID] {
		if s.to == to && (s.what == what || strings.HasSuffix(what, " ") && strings.HasPrefix(s.what, what)) {
			sum.sent += n.sent
			sum.passed += n.passed
		}
	}
	return sum
}

// log is all that was said about a call, for the message of a failure.
func (w *wire) log(callID string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for s, n := range w.calls[callID] {
		fmt.Fprintf(&b, "\n\t%s: %s sent %d, passed %d", s.to, s.what, n.sent, n.passed)
	}
	return b.String()
}
