package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Window is the hours in which calling is allowed.
type Window struct {
	From string   `json:"from"` // "07:00"
	To   string   `json:"to"`   // "23:00", exclusive
	Zone string   `json:"zone,omitempty"`
	Days []string `json:"days,omitempty"` // "sat", "sun", …; none means all
}

// Retry says which outcome earns another attempt, and after how long; a wait of 0 means none. What is left out takes the
// gateway's default.
type Retry struct {
	MaxAttempts     int       `json:"max_attempts,omitempty"` // that reach the callee's side
	Busy            *Duration `json:"busy,omitempty"`
	NoAnswer        *Duration `json:"no_answer,omitempty"`
	Congestion      *Duration `json:"congestion,omitempty"`       // the trunk could not
	CongestionTries int       `json:"congestion_tries,omitempty"` // attempts that the trunk may fail beside MaxAttempts
}

// CampaignRequest is what a campaign is made of. What is left out takes the gateway's default.
type CampaignRequest struct {
	Name        string   `json:"name"`
	Clip        string   `json:"clip"`
	Caller      string   `json:"caller,omitempty"`
	Window      *Window  `json:"window,omitempty"`
	Retry       *Retry   `json:"retry,omitempty"`
	RingLimit   Duration `json:"ring_limit,omitzero"`
	OnUncertain string   `json:"on_uncertain,omitempty"`
}

// Campaign is a campaign and where it stands.
type Campaign struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Clip        string    `json:"clip"`
	Caller      string    `json:"caller,omitempty"`
	Window      Window    `json:"window"`
	Retry       Retry     `json:"retry"`
	RingLimit   Duration  `json:"ring_limit"`
	OnUncertain string    `json:"on_uncertain"`
	Sandbox     bool      `json:"sandbox"`
	Created     time.Time `json:"created"`

	Run        string         `json:"run"`
	Recipients int            `json:"recipients"`
	States     map[string]int `json:"states"`
	Attempts   int            `json:"attempts"`
	Answered   int            `json:"answered"`
	InFlight   int            `json:"in_flight"`
	Rejected   int            `json:"rejected"`
	Open       int            `json:"open"`
	Started    time.Time      `json:"started,omitzero"`
	Finished   time.Time      `json:"finished,omitzero"`
}

// Over tells whether nothing more will happen.
func (c Campaign) Over() bool { return c.Run == "done" || c.Run == "cancelled" }

// CreateCampaign makes a campaign without recipients. A non-empty idempotency key makes it safe to repeat.
func (c *Client) CreateCampaign(ctx context.Context, r CampaignRequest, idempotencyKey string) (Campaign, error) {
	var made Campaign
	err := c.call(ctx, request{method: http.MethodPost, path: "v1/campaigns", idempotency: idempotencyKey}, r, &made)
	return made, err
}

// Campaigns returns one page, and the cursor of the next one, "" where there is none. A limit of 0 is the gateway's.
func (c *Client) Campaigns(ctx context.Context, cursor string, limit int) (page []Campaign, next string, err error) {
	query := url.Values{}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	var answer struct {
		Campaigns  []Campaign `json:"campaigns"`
		NextCursor string     `json:"next_cursor"`
	}
	err = c.call(ctx, request{method: http.MethodGet, path: "v1/campaigns", query: query}, nil, &answer)
	return answer.Campaigns, answer.NextCursor, err
}

// Campaign returns where a campaign stands.
func (c *Client) Campaign(ctx context.Context, id string) (Campaign, error) {
	var found Campaign
	err := c.call(ctx, request{method: http.MethodGet, path: campaignPath(id)}, nil, &found)
	return found, err
}

// Move is a change of a campaign's run state.
type Move string

// The moves.
const (
	Start  Move = "start"
	Pause  Move = "pause"
	Resume Move = "resume"
	Cancel Move = "cancel"
)

// Change makes a move.
func (c *Client) Change(ctx context.Context, id string, move Move) (Campaign, error) {
	var changed Campaign
	err := c.call(ctx, request{method: http.MethodPost, path: campaignPath(id) + "/" + string(move)}, nil, &changed)
	return changed, err
}

// ListFormat is how a list of recipients is written.
type ListFormat string

// The formats.
const (
	CSV    ListFormat = "csv"
	NDJSON ListFormat = "ndjson"
)

func (f ListFormat) contentType() string {
	if f == NDJSON {
		return "application/x-ndjson"
	}
	return "text/csv"
}

// Receipt is what became of a list's rows.
type Receipt struct {
	Rows        int        `json:"total_rows"`
	Accepted    int        `json:"accepted"`
	Suppressed  int        `json:"suppressed"`
	Duplicates  int        `json:"duplicates"`
	Invalid     int        `json:"invalid"`
	Emergency   int        `json:"emergency"`
	Destination int        `json:"destination"` // abroad, or premium rate
	Rejected    []Rejected `json:"rejected"`    // the first ones
	Truncated   bool       `json:"rejected_truncated"`
	Recipients  int        `json:"recipients"` // of the campaign now
}

// Rejected is a row that names no new, callable number.
type Rejected struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Load adds a list of recipients, which is streamed. A list that is broken as a whole adds nothing and is a Problem.
func (c *Client) Load(ctx context.Context, id string, format ListFormat, list io.Reader) (Receipt, error) {
	var receipt Receipt
	err := c.call(ctx, request{method: http.MethodPost, path: campaignPath(id) + "/recipients", body: list,
		contentType: format.contentType()}, nil, &receipt)
	return receipt, err
}

func campaignPath(id string) string { return "v1/campaigns/" + url.PathEscape(id) }
