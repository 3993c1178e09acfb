package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/avanak/avanak"
)

// MessageRequest is one clip to one number on the fast lane. What is left out takes the gateway's default.
type MessageRequest struct {
	Clip        string   `json:"clip"`
	Number      string   `json:"number"`
	Caller      string   `json:"caller,omitempty"`
	Window      *Window  `json:"window,omitempty"`
	Retry       *Retry   `json:"retry,omitempty"`
	RingLimit   Duration `json:"ring_limit,omitzero"`
	OnUncertain string   `json:"on_uncertain,omitempty"`
	ExpiresIn   Duration `json:"expires_in,omitzero"`
}

// Message is a fast message and where it stands.
type Message struct {
	ID       string          `json:"id"`
	Clip     string          `json:"clip"`
	Number   string          `json:"number"`
	Caller   string          `json:"caller,omitempty"`
	State    string          `json:"state"`
	Attempts int             `json:"attempts"`
	Outcome  string          `json:"outcome"`
	SIP      int             `json:"sip_status"`
	Cause    int             `json:"q850_cause"`
	Started  time.Time       `json:"started,omitzero"`
	Ring     float64         `json:"ring_s"`
	Talk     float64         `json:"talk_s"`
	Played   float64         `json:"played_s"`
	Accepted time.Time       `json:"accepted"`
	Expires  time.Time       `json:"expires"`
	Ended    time.Time       `json:"ended,omitzero"`
	Sandbox  bool            `json:"sandbox"`
	Timeline avanak.Timeline `json:"timeline,omitzero"`
	Latency  float64         `json:"latency_s,omitempty"` // seconds; 0 where the clip did not start
}

// Send hands over a message. A non-empty idempotency key makes it safe to repeat.
func (c *Client) Send(ctx context.Context, r MessageRequest, idempotencyKey string) (Message, error) {
	var sent Message
	err := c.call(ctx, request{method: http.MethodPost, path: "v1/messages", idempotency: idempotencyKey}, r, &sent)
	return sent, err
}

// Message returns where a message stands.
func (c *Client) Message(ctx context.Context, id string) (Message, error) {
	var found Message
	err := c.call(ctx, request{method: http.MethodGet, path: "v1/messages/" + url.PathEscape(id)}, nil, &found)
	return found, err
}
