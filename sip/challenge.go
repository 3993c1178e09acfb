package sip

import (
	"github.com/emiago/sipgo/sip"

	"github.com/avanak/avanak/sip/digest"
)

// maxChallenges bounds the challenges of one request: one each of a proxy and of the far end, and one that was stale.
const maxChallenges = 3

// challenged tells whether a response asks for credentials.
func challenged(res *sip.Response) bool { return res.StatusCode == 401 || res.StatusCode == 407 }

// exchange begins a request that may be challenged; nil where the trunk has no credentials.
func (a *Agent) exchange() *digest.Exchange {
	if a.cfg.Auth.Username == "" {
		return nil
	}
	return a.auth.Exchange()
}

// challenge takes in a 401 or 407; nil means that the same request with authorize's headers may be sent.
func (a *Agent) challenge(x *digest.Exchange, res *sip.Response) error {
	a.m.challenges.Inc()
	if x == nil {
		return digest.ErrNoCredentials
	}
	name := "WWW-Authenticate"
	if res.StatusCode == 407 {
		name = "Proxy-Authenticate"
	}
	var values []string
	for _, h := range res.GetHeaders(name) {
		values = append(values, h.Value())
	}
	return x.Challenged(res.StatusCode, values)
}

// authorize puts credentials on a request where a nonce is known: of its own challenge, or one that the trunk accepted
// before, and then one INVITE a call is enough.
func authorize(x *digest.Exchange, req *sip.Request, body []byte) {
	if x == nil {
		return
	}
	for _, h := range x.Authorize(string(req.Method), req.Recipient.String(), body) {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
}

// accepted notes that a response met the credentials well: they serve later requests too.
func accepted(x *digest.Exchange, res *sip.Response) {
	if x != nil && res.StatusCode > 100 && !challenged(res) {
		x.Accepted()
	}
}
