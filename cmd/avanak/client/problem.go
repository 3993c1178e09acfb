package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// problemPrefix precedes the kind in a problem's type.
const problemPrefix = "urn:avanak:problem:"

// maxProblem bounds the body of a refusal that is read, bytes.
const maxProblem = 64 << 10

// Problem is a refusal by the gateway (RFC 9457). Something that is no gateway gives one without a Kind.
type Problem struct { //nolint:errname // the word of RFC 9457
	Kind       string        // "invalid-request", "not-found", …
	Title      string        // the kind for people
	Status     int           // HTTP status
	Detail     string        // what is wrong, one sentence
	Faults     []Fault       // where, as far as known
	RetryAfter time.Duration // when trying again makes sense; 0 where the gateway does not say
}

// Fault is one wrong place in a request.
type Fault struct {
	Location string `json:"location"` // such as "body.retry.busy"
	Message  string `json:"message"`
	Line     int    `json:"line"` // of an uploaded list, 0 where there is none
}

// maxFaults is how many faults Error names.
const maxFaults = 3

// Error says in one line what was refused and where.
func (p *Problem) Error() string {
	var b strings.Builder
	switch {
	case p.Detail != "":
		b.WriteString(p.Detail)
	case p.Title != "":
		b.WriteString(p.Title)
	default:
		fmt.Fprintf(&b, "the gateway answered with status %d", p.Status)
	}
	for i, f := range p.Faults {
		if i == maxFaults {
			fmt.Fprintf(&b, "; and %d more", len(p.Faults)-maxFaults)
			break
		}
		b.WriteString("; ")
		b.WriteString(f.String())
	}
	return b.String()
}

// String returns "body.retry.busy: must be …" or "line 12: …".
func (f Fault) String() string {
	where := f.Location
	if f.Line > 0 {
		where = "line " + strconv.Itoa(f.Line)
	}
	if where == "" {
		return f.Message
	}
	return where + ": " + f.Message
}

// Refused tells whether the request itself was at fault, so that sending it again as it is makes no sense.
func (p *Problem) Refused() bool {
	return p.Status/100 == 4 && p.Status != http.StatusTooManyRequests && p.Status != http.StatusRequestTimeout
}

// readProblem makes a Problem of an answer that is not 2xx, whatever its body is.
func readProblem(resp *http.Response) *Problem {
	p := &Problem{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode)}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 && s < 86400 {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	if resp.StatusCode/100 == 3 {
		p.Detail = "the address redirects elsewhere: give the gateway's own address"
		return p
	}
	var body struct {
		Type   string  `json:"type"`
		Title  string  `json:"title"`
		Detail string  `json:"detail"`
		Errors []Fault `json:"errors"`
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil || json.Unmarshal(b, &body) != nil {
		return p
	}
	p.Detail, p.Faults = body.Detail, body.Errors
	if kind, ok := strings.CutPrefix(body.Type, problemPrefix); ok {
		p.Kind = kind
	}
	if body.Title != "" {
		p.Title = body.Title
	}
	return p
}
