package client

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// problemOf is what the client makes of an answer; header may be nil.
func problemOf(status int, body string, header http.Header) *Problem {
	return readProblem(&http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))})
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct {
		status  int
		body    string
		kind    string
		text    string
		refused bool
	}{
		"field": {422, `{"type":"urn:avanak:problem:invalid-request","title":"Invalid request","status":422,"detail":"the request breaks a rule",
			"errors":[{"location":"body.retry.busy","message":"must look like 3s"}]}`, "invalid-request",
			"the request breaks a rule; body.retry.busy: must look like 3s", true},
		"list": {422, `{"type":"urn:avanak:problem:invalid-list","detail":"the list is broken","errors":[{"message":"NUL byte","line":12}]}`,
			"invalid-list", "the list is broken; line 12: NUL byte", true},
		"many faults": {422, `{"detail":"d","errors":[{"message":"1"},{"message":"2"},{"message":"3"},{"message":"4"},{"message":"5"}]}`,
			"", "d; 1; 2; 3; and 2 more", true},
		"title only":      {409, `{"type":"urn:avanak:problem:conflict","title":"Conflict"}`, "conflict", "Conflict", true},
		"page of a proxy": {502, "<html>bad gateway</html>", "", "Bad Gateway", false},
		"nothing":         {599, "", "", "the gateway answered with status 599", false},
		"too many":        {429, `{"detail":"slow down"}`, "", "slow down", false},
		"foreign type":    {400, `{"type":"about:blank","detail":"x"}`, "", "x", true},
		"wrong types":     {400, `{"detail":7,"errors":"x"}`, "", "Bad Request", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := problemOf(tc.status, tc.body, nil)
			require.Equal(t, tc.kind, p.Kind)
			require.Equal(t, tc.text, p.Error())
			require.Equal(t, tc.refused, p.Refused())
			require.Equal(t, tc.status, p.Status)
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"2": 2 * time.Second, "": 0, "-1": 0, "x": 0, "99999999999999": 0} {
		p := problemOf(503, "{}", http.Header{"Retry-After": {header}})
		require.Equal(t, want, p.RetryAfter, header)
	}
}

func FuzzProblem(f *testing.F) {
	f.Add(422, `{"type":"urn:avanak:problem:x","detail":"d","errors":[{"location":"body.a","message":"m","line":1}]}`)
	f.Add(500, "<html>")
	f.Add(302, "{}")
	f.Fuzz(func(t *testing.T, status int, body string) {
		p := problemOf(status, body, nil)
		require.NotEmpty(t, p.Error())
	})
}
