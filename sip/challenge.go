package sip

import (
	"errors"

	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak/sip/digest"
)

// maxChallenges bounds the challenges of one request: one each of a proxy and of the far end, and one that was stale.
const maxChallenges = 3

var errNoCredentials = errors.New("the trunk asks for credentials and has none configured")

// challenged tells whether a response asks for credentials.
func challenged(res *sip.Response) bool { return res.StatusCode == 401 || res.StatusCode == 407 }

// challenge takes in a 401 or 407 to req; nil means that the same request with authorize's headers may be sent.
func (a *Agent) challenge(req *sip.Request, res *sip.Response) error {
	a.m.challenges.Inc()
	if a.auth == nil {
		return errNoCredentials
	}
	name := "WWW-Authenticate"
	if res.StatusCode == 407 {
		name = "Proxy-Authenticate"
	}
	var values []string
	for _, h := range res.GetHeaders(name) {
		values = append(values, h.Value())
	}
	var sent []digest.Header
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, h := range req.GetHeaders(name) {
			sent = append(sent, digest.Header{Name: name, Value: h.Value()})
		}
	}
	return a.auth.Challenged(res.StatusCode, values, sent)
}

// authorize puts credentials on a request where a nonce of the trunk's is known: then one INVITE a call is enough.
func (a *Agent) authorize(req *sip.Request, body []byte) {
	if a.auth == nil {
		return
	}
	for _, h := range a.auth.Authorize(string(req.Method), req.Recipient.String(), body) {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
}
