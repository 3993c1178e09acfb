package client

import (
	"context"
	"net/http"
)

type numbers struct {
	Numbers []string `json:"numbers"`
}

// Suppress puts numbers on the list of those that are never called, and returns how many different ones the list
// has: all of them are suppressed now. It needs an operator's key.
func (c *Client) Suppress(ctx context.Context, list ...string) (added int, err error) {
	var answer struct {
		Added int `json:"added"`
	}
	err = c.call(ctx, request{method: http.MethodPost, path: "v1/suppressions"}, numbers{list}, &answer)
	return answer.Added, err
}

// Unsuppress takes numbers off that list. It needs an operator's key.
func (c *Client) Unsuppress(ctx context.Context, list ...string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: "v1/suppressions"}, numbers{list}, nil)
}
