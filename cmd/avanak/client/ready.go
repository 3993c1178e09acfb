package client

import (
	"context"
	"net/http"
)

// Readiness is what the gateway says of itself.
type Readiness struct {
	Ready      bool              `json:"ready"`
	Checks     map[string]string `json:"checks"`
	Store      string            `json:"store"`
	Durability string            `json:"durability"`
	Draining   bool              `json:"draining"`
}

// Ready asks whether the gateway takes work. A gateway that does not is no error: its answer says why.
func (c *Client) Ready(ctx context.Context) (Readiness, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: "readyz", anonymous: true})
	if err != nil {
		return Readiness{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return Readiness{}, readProblem(resp)
	}
	var said Readiness
	err = c.decode(ctx, resp.Body, &said)
	return said, err
}
