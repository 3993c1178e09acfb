package api

import (
	"context"
	"net/http"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
)

// messageRequest is what a customer says of a new message.
type messageRequest struct {
	Clip        string  `json:"clip" maxLength:"64" example:"clp_01jd3w7q5n8r2x4v6t0ykbmhfe" doc:"Id of the clip"`
	Number      string  `json:"number" minLength:"1" maxLength:"64" example:"09120000001" doc:"Whom to call"`
	Caller      string  `json:"caller,omitempty" maxLength:"64" doc:"Number shown to the callee; the trunk's where none is given"`
	Window      *window `json:"window,omitempty" doc:"Hours in which calls may start; 07:00 to 23:00 in Tehran where none is given"`
	Retry       *retry  `json:"retry,omitempty" doc:"What becomes of failed attempts; what is left out has its default"`
	RingLimit   string  `json:"ring_limit,omitempty" maxLength:"32" example:"35s" doc:"How long the phone may ring"`
	OnUncertain string  `json:"on_uncertain,omitempty" enum:"hold,redial" doc:"What becomes of the message where an attempt's end is not known"`
	ExpiresIn   string  `json:"expires_in,omitempty" maxLength:"32" example:"60s" doc:"No call starts later than this; 10m where none is given, 1h at most"`
}

var exampleMessage = messageRequest{Clip: "clp_01jd3w7q5n8r2x4v6t0ykbmhfe", Number: "09120000001", ExpiresIn: "60s"}

// Bounds of expires_in.
const (
	minExpiry = time.Second
	maxExpiry = time.Hour
)

// read returns the request, or all that is wrong with it.
func (r *messageRequest) read(key string) (campaign.MessageRequest, error) {
	var wrong faults
	wrong.key(key)
	wrong.clip("body.clip", r.Clip)
	req := campaign.MessageRequest{Clip: r.Clip, Number: wrong.number("body.number", r.Number),
		Caller: wrong.number("body.caller", r.Caller), Window: r.Window.read(&wrong), Retry: r.Retry.read(&wrong, campaign.DefaultMessageRetry()),
		Ring:        wrong.duration("body.ring_limit", r.RingLimit, avanak.MinRing, avanak.MaxRing),
		ExpiresIn:   wrong.duration("body.expires_in", r.ExpiresIn, minExpiry, maxExpiry),
		OnUncertain: avanak.OnUncertain(r.OnUncertain)}
	return req, wrong.err()
}

// messageAnswer is a message as the API shows it.
type messageAnswer struct {
	ID       string          `json:"id" example:"msg_01jd3w7q5n8r2x4v6t0ykbmhfe"`
	Clip     string          `json:"clip"`
	Number   string          `json:"number" example:"+989120000001"`
	Caller   string          `json:"caller,omitempty"`
	State    string          `json:"state" example:"delivered"`
	Attempts int             `json:"attempts"`
	Outcome  string          `json:"outcome" example:"completed" doc:"Of the last ended attempt"`
	SIP      int             `json:"sip_status" doc:"Of the last ended attempt; 0 where none came"`
	Cause    int             `json:"q850_cause" doc:"Of the last ended attempt; 0 where none was given"`
	Started  *time.Time      `json:"started,omitempty" doc:"The last ended attempt's INVITE"`
	Ring     seconds         `json:"ring_s"`
	Talk     seconds         `json:"talk_s"`
	Played   seconds         `json:"played_s"`
	Accepted time.Time       `json:"accepted"`
	Expires  time.Time       `json:"expires"`
	Ended    *time.Time      `json:"ended,omitempty"`
	Sandbox  bool            `json:"sandbox"`
	Timeline avanak.Timeline `json:"timeline" doc:"Instants of the last ended attempt: t0 accepted, t1 taken, t2 INVITE, t3 ringing, t4 answered, t5r first RTP packet, t5 first of the clip, t6 last, t7 ended"`
	Latency  *seconds        `json:"latency_s,omitempty" doc:"From acceptance to the clip's first packet, without the time that the phone rang"`
}

func answerOfMessage(m avanak.MessageStatus) messageAnswer {
	a := messageAnswer{ID: m.ID, Clip: m.Clip, Number: e164(m.Number), Caller: e164(m.Caller), State: m.State.String(),
		Attempts: m.Attempts, Outcome: m.Result.Outcome.String(), SIP: m.Result.SIP, Cause: m.Result.Cause,
		Started: utc(m.Result.Started), Ring: secondsOf(m.Result.Ring), Talk: secondsOf(m.Result.Talk),
		Played: secondsOf(m.Result.Played), Accepted: m.Accepted.UTC(), Expires: m.Expires.UTC(), Ended: utc(m.Ended),
		Sandbox: m.Sandbox, Timeline: utcTimeline(m.Timeline)}
	if took := m.Timeline.FastLatency(); took >= 0 {
		latency := secondsOf(took)
		a.Latency = &latency
	}
	return a
}

func utcTimeline(t avanak.Timeline) avanak.Timeline {
	for _, at := range []*time.Time{&t.Accepted, &t.Taken, &t.Invited, &t.Ringing, &t.Answered, &t.FirstRTP, &t.FirstClip,
		&t.LastRTP, &t.Ended} {
		*at = at.UTC() // of a zero time it is the zero time
	}
	return t
}

type messageInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"Your own name of this request: repeated with the same key and content, it has no further effect"`
	Body messageRequest
}

type acceptedMessage struct {
	Status   int
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed" doc:"true where the request was seen before; the status is 200 then"`
	Body     messageAnswer
}

func (s *Server) sendMessage(ctx context.Context, in *messageInput) (*acceptedMessage, error) {
	req, err := in.Body.read(in.Key)
	if err != nil {
		return nil, err
	}
	m, created, err := s.campaigns.Send(ctx, tenantOf(ctx), req, in.Key)
	if err != nil {
		hours := avanak.DefaultWindow()
		if req.Window != nil {
			hours = *req.Window
		}
		return nil, closedUntil(err, hours, s.now())
	}
	status, replayed := madeOr(created, http.StatusAccepted)
	return &acceptedMessage{status, "/v1/messages/" + m.ID, replayed, answerOfMessage(m)}, nil
}

type messageOutput struct{ Body messageAnswer }

func (s *Server) getMessage(ctx context.Context, in *named) (*messageOutput, error) {
	m, err := s.campaigns.Message(ctx, tenantOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &messageOutput{answerOfMessage(m)}, nil
}
