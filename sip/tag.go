package sip

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// isTag tells whether a parameter is the tag. Names of parameters have no case, and white space may stand around ';' and
// '=' (RFC 3261 sections 7.3.1 and 25.1); sipgo keeps both. A tag that is not seen is a phone that rings for nobody.
func isTag(p sip.HeaderKV) bool { return strings.EqualFold(strings.TrimSpace(p.K), "tag") }

// tagOf is the tag of a From or To header, "" where it has none.
func tagOf(params sip.HeaderParams) string {
	for _, p := range params {
		if isTag(p) {
			return strings.TrimSpace(p.V)
		}
	}
	return ""
}

// keepTag gives the To of a response the tag of its request, where sipgo has not seen that one and added its own.
func keepTag(request sip.HeaderParams, response *sip.HeaderParams) {
	tag := tagOf(request)
	if tag == "" {
		return
	}
	kept := make(sip.HeaderParams, 0, len(*response))
	for _, p := range *response {
		if !isTag(p) {
			kept = append(kept, p)
		}
	}
	*response = append(kept, sip.HeaderKV{K: "tag", V: tag})
}
