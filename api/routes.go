package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// route is one line of the API.
type route struct {
	method, path string
	id, summary  string
	status       int    // of success; 0 means 200
	scope        string // that the key needs; "" means any valid key
	takes        media  // of the body; nil means none or JSON
	example      any    // of a JSON body
	gives        media  // of the answer, where it is not JSON
	refusals     []int  // beyond those that every route has
}

// routes is the API on one screen.
func (s *Server) routes() {
	const (
		get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
		conflict       = http.StatusConflict
	)
	add(s, route{method: post, path: "/v1/clips", id: "add-clip", summary: "Upload a clip", status: http.StatusCreated,
		takes: audioMedia}, s.addClip)
	add(s, route{method: get, path: "/v1/clips", id: "list-clips", summary: "List clips, newest first"}, s.listClips)
	add(s, route{method: get, path: "/v1/clips/{id}", id: "get-clip", summary: "Read a clip's record"}, s.getClip)

	add(s, route{method: post, path: "/v1/campaigns", id: "create-campaign", summary: "Create a campaign",
		status: http.StatusCreated, example: exampleCampaign, refusals: []int{conflict}}, s.createCampaign)
	add(s, route{method: get, path: "/v1/campaigns", id: "list-campaigns", summary: "List campaigns, newest first"}, s.listCampaigns)
	add(s, route{method: get, path: "/v1/campaigns/{id}", id: "get-campaign", summary: "Read a campaign and where it stands"}, s.getCampaign)
	add(s, route{method: post, path: "/v1/campaigns/{id}/recipients", id: "add-recipients", summary: "Add recipients before the start",
		takes: listMedia, refusals: []int{conflict}}, s.addRecipients)
	add(s, route{method: get, path: "/v1/campaigns/{id}/results", id: "list-results", summary: "Stream what became of each recipient",
		gives: resultMedia}, s.listResults)
	for _, move := range s.moves() {
		add(s, route{method: post, path: "/v1/campaigns/{id}/" + move.name, id: move.name + "-campaign", summary: move.summary,
			refusals: []int{conflict}}, move.handler)
	}

	add(s, route{method: post, path: "/v1/messages", id: "send-message", summary: "Send a fast message",
		status: http.StatusAccepted, example: exampleMessage, refusals: []int{conflict}}, s.sendMessage)
	add(s, route{method: get, path: "/v1/messages/{id}", id: "get-message", summary: "Read a message and where it stands"}, s.getMessage)

	add(s, route{method: post, path: "/v1/suppressions", id: "add-suppressions", summary: "Suppress numbers, for all tenants",
		scope: Operator, example: exampleNumbers}, s.addSuppressions)
	add(s, route{method: del, path: "/v1/suppressions", id: "remove-suppressions", summary: "Lift suppressions",
		status: http.StatusNoContent, scope: Operator, example: exampleNumbers}, s.removeSuppressions)
	add(s, route{method: get, path: "/v1/suppressions/{number}", id: "get-suppression", summary: "Tell whether a number is suppressed",
		scope: Operator}, s.getSuppression)
	add(s, route{method: del, path: "/v1/suppressions/{number}", id: "remove-suppression", summary: "Lift one suppression",
		status: http.StatusNoContent, scope: Operator}, s.removeSuppression)

	s.mux.HandleFunc(get+" "+healthPath, s.health)
	s.mux.HandleFunc(get+" "+readyPath, s.readiness)
}

// add puts a route behind its limits and the key, and makes problems of its handler's errors.
func add[I, O any](s *Server, rt route, handler func(context.Context, *I) (*O, error)) {
	op := rt.operation()
	bytes, within := s.cfg.BodyBytes, s.cfg.AnswerTime
	switch {
	case rt.gives != nil:
		within = 0
	case rt.takes != nil:
		within = s.cfg.UploadTime
		if bytes = s.cfg.ListBytes; rt.id == "add-clip" {
			bytes = s.cfg.ClipBytes
		}
	}
	// The key comes first: nobody spends our time without one.
	op.Middlewares = huma.Middlewares{s.authenticated(rt.scope), s.limits(bytes, within)}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			p := problemOf(err)
			// A body or a key that cannot be had in time is seen as the end of the context by what is called in between.
			if errors.Is(err, context.Canceled) && ctx.Err() == nil {
				p = unavailable.problem("a part that is needed is away; try again")
				p.cause = err
			}
			visitOf(ctx).cause = p.cause
			return nil, p
		}
		return out, nil
	})
}
