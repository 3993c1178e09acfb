package api

import (
	"context"
	"net/http"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
)

// campaignRequest is what a customer says of a new campaign.
type campaignRequest struct {
	Name        string  `json:"name" minLength:"1" maxLength:"200" example:"Nowruz greeting" doc:"Shown in lists"`
	Clip        string  `json:"clip" maxLength:"64" example:"clp_01jd3w7q5n8r2x4v6t0ykbmhfe" doc:"Id of the clip"`
	Caller      string  `json:"caller,omitempty" maxLength:"64" example:"02191000000" doc:"Number shown to the callee; the trunk's where none is given"`
	Window      *window `json:"window,omitempty" doc:"Hours in which calls may start; 07:00 to 23:00 in Tehran where none is given"`
	Retry       *retry  `json:"retry,omitempty" doc:"What becomes of failed attempts; what is left out has its default"`
	RingLimit   string  `json:"ring_limit,omitempty" maxLength:"32" example:"35s" doc:"How long a phone may ring"`
	OnUncertain string  `json:"on_uncertain,omitempty" enum:"hold,redial" example:"hold" doc:"What becomes of a recipient whose attempt's end is not known"`
}

var exampleCampaign = campaignRequest{Name: "Nowruz greeting", Clip: "clp_01jd3w7q5n8r2x4v6t0ykbmhfe",
	Window: &window{From: "09:00", To: "21:30", Zone: avanak.DefaultZone, Days: []string{"sat", "sun", "mon", "tue", "wed"}},
	Retry:  &retry{MaxAttempts: 3, Busy: "3m", NoAnswer: "30m"}, RingLimit: "35s"}

// read returns the request, or all that is wrong with it.
func (r *campaignRequest) read(key string) (campaign.Request, error) {
	var wrong faults
	wrong.key(key)
	wrong.name("body.name", r.Name)
	wrong.clip("body.clip", r.Clip)
	req := campaign.Request{Name: r.Name, Clip: r.Clip, Caller: wrong.number("body.caller", r.Caller),
		Window: r.Window.read(&wrong), Retry: r.Retry.read(&wrong, avanak.DefaultRetry()),
		Ring:        wrong.duration("body.ring_limit", r.RingLimit, avanak.MinRing, avanak.MaxRing),
		OnUncertain: avanak.OnUncertain(r.OnUncertain)}
	return req, wrong.err()
}

// campaignAnswer is a campaign as the API shows it.
type campaignAnswer struct {
	ID          string         `json:"id" example:"cmp_01jd3w7q5n8r2x4v6t0ykbmhfe"`
	Name        string         `json:"name"`
	Clip        string         `json:"clip"`
	Caller      string         `json:"caller,omitempty"`
	Window      *window        `json:"window"`
	Retry       *retry         `json:"retry"`
	RingLimit   string         `json:"ring_limit" example:"35s"`
	OnUncertain string         `json:"on_uncertain" enum:"hold,redial"`
	Sandbox     bool           `json:"sandbox" doc:"Its calls go to the sandbox, not to people"`
	Created     time.Time      `json:"created"`
	Run         string         `json:"run" enum:"loading,running,paused,cancelled,done"`
	Recipients  int            `json:"recipients"`
	States      map[string]int `json:"states" doc:"Recipients by state; they sum to recipients"`
	Attempts    int            `json:"attempts"`
	Answered    int            `json:"answered" doc:"Attempts that a callee answered"`
	InFlight    int            `json:"in_flight" doc:"Recipients that are being worked on now"`
	Rejected    int            `json:"rejected" doc:"Rows of the lists that named no new, callable number"`
	Open        int            `json:"open" doc:"Recipients of whom more can become"`
	Started     *time.Time     `json:"started,omitempty"`
	Finished    *time.Time     `json:"finished,omitempty"`
}

func answerOfCampaign(c avanak.Campaign, p avanak.Progress) campaignAnswer {
	states := make(map[string]int, avanak.States)
	for i, n := range p.States {
		states[avanak.State(i).String()] = n //nolint:gosec // there are 14
	}
	return campaignAnswer{ID: c.ID, Name: c.Name, Clip: c.Clip, Caller: e164(c.Caller), Window: windowOf(c.Window),
		Retry: retryOf(c.Retry), RingLimit: short(c.Ring), OnUncertain: string(c.OnUncertain), Sandbox: c.Sandbox,
		Created: c.Created.UTC(), Run: string(p.Run), Recipients: p.Recipients, States: states, Attempts: p.Attempts,
		Answered: p.Answered, InFlight: p.InFlight, Rejected: p.Rejected, Open: p.Open(), Started: utc(p.Started),
		Finished: utc(p.Finished)}
}

type campaignInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"Your own name of this request: repeated with the same key and content, it has no further effect"`
	Body campaignRequest
}

type createdCampaign struct {
	Status   int
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed" doc:"true where the request was seen before; the status is 200 then"`
	Body     campaignAnswer
}

func (s *Server) createCampaign(ctx context.Context, in *campaignInput) (*createdCampaign, error) {
	req, err := in.Body.read(in.Key)
	if err != nil {
		return nil, err
	}
	tenant := tenantOf(ctx)
	c, created, err := s.campaigns.Create(ctx, tenant, req, in.Key)
	if err != nil {
		return nil, err
	}
	p := avanak.Progress{Run: avanak.Loading}
	if !created { // it may have come a long way since
		if c, p, err = s.campaigns.Get(ctx, tenant, c.ID); err != nil {
			return nil, err
		}
	}
	status, replayed := madeOr(created, http.StatusCreated)
	return &createdCampaign{status, "/v1/campaigns/" + c.ID, replayed, answerOfCampaign(c, p)}, nil
}

// madeOr tells a new thing from a repeated request, in status and Idempotency-Replayed.
func madeOr(created bool, status int) (code int, replayed string) {
	if created {
		return status, ""
	}
	return http.StatusOK, "true"
}

type campaignOutput struct{ Body campaignAnswer }

func (s *Server) getCampaign(ctx context.Context, in *named) (*campaignOutput, error) {
	c, p, err := s.campaigns.Get(ctx, tenantOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &campaignOutput{answerOfCampaign(c, p)}, nil
}

type campaignsOutput struct {
	Body struct {
		Campaigns []campaignAnswer `json:"campaigns" nullable:"false"`
		Next      string           `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent on the last one"`
	} `nameHint:"CampaignPage"`
}

func (s *Server) listCampaigns(ctx context.Context, in *page) (*campaignsOutput, error) {
	list, next, err := s.campaigns.List(ctx, tenantOf(ctx), in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &campaignsOutput{}
	out.Body.Next, out.Body.Campaigns = next, make([]campaignAnswer, 0, len(list))
	for _, c := range list {
		out.Body.Campaigns = append(out.Body.Campaigns, answerOfCampaign(c.Campaign, c.Progress))
	}
	return out, nil
}

// move is a change of a campaign's run state.
type move struct {
	name, summary string
	handler       func(context.Context, *named) (*campaignOutput, error)
}

func (s *Server) moves() []move {
	with := func(do func(ctx context.Context, tenant, id string) (avanak.Campaign, avanak.Progress, error),
	) func(context.Context, *named) (*campaignOutput, error) {
		return func(ctx context.Context, in *named) (*campaignOutput, error) {
			c, p, err := do(ctx, tenantOf(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &campaignOutput{answerOfCampaign(c, p)}, nil
		}
	}
	return []move{
		{"start", "Start calling, in the window's hours", with(s.campaigns.Start)},
		{"pause", "Stop starting calls", with(s.campaigns.Pause)},
		{"resume", "Go on after a pause", with(s.campaigns.Resume)},
		{"cancel", "Stop for good", with(s.campaigns.Cancel)},
	}
}
