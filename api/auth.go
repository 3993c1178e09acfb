package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Operator is the scope of the people who run the gateway: it opens the platform-wide suppression list. All other routes are
// open to every key, for its own tenant's things.
const Operator = "operator"

// ErrKey is what Verify returns for a text that is no valid key: malformed, unknown, revoked or with a wrong secret.
var ErrKey = errors.New("api key is not valid")

// Principal is who an API key speaks for.
type Principal struct {
	KeyID  string
	Tenant string
	Scopes []string // never written to
}

// Verify tells who a presented API key speaks for. It returns ErrKey where the key is not valid, and an error that wraps
// avanak.ErrUnavailable where it cannot tell.
type Verify func(ctx context.Context, presented string) (Principal, error)

// maxKey bounds the text that is looked at, in bytes.
const maxKey = 512

// authenticated lets only requests with a valid key pass, and with the scope, where one is named.
func (s *Server) authenticated(scope string) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		p, err := s.principal(hc.Context(), r)
		if err == nil && scope != "" && !slices.Contains(p.Scopes, scope) {
			err = forbidden.problem("this needs a key with the scope " + scope)
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		visitOf(hc.Context()).principal = p
		next(hc)
	}
}

func (s *Server) principal(ctx context.Context, r *http.Request) (Principal, error) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key = strings.TrimSpace(key)
	if !strings.EqualFold(scheme, "Bearer") || key == "" || len(key) > maxKey {
		return Principal{}, unauthorized.problem("send your API key as Authorization: Bearer avk_live_…")
	}
	p, err := s.verify(ctx, key)
	if errors.Is(err, ErrKey) {
		return Principal{}, unauthorized.problem("the API key is not valid")
	}
	if err == nil && p.Tenant == "" {
		// Every route trusts the tenant's name; one that is empty must not open anything.
		err = errors.New("verify api key: the key has no tenant")
	}
	return p, err
}

// tenantOf returns whose request this is. Behind authenticated it is never empty.
func tenantOf(ctx context.Context) string { return visitOf(ctx).principal.Tenant }
