package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Clip is an uploaded clip.
type Clip struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Duration string    `json:"duration"` // of the audio, such as "6.42s"
	Seconds  float64   `json:"seconds"`  // the same
	Frames   int       `json:"frames"`   // of 20 ms
	SHA256   string    `json:"sha256"`   // of the upload
	Size     int64     `json:"size"`     // of the upload, bytes
	Created  time.Time `json:"created"`
}

// AddClip uploads a WAV.
func (c *Client) AddClip(ctx context.Context, name string, wav io.Reader) (Clip, error) {
	var clip Clip
	err := c.call(ctx, request{method: http.MethodPost, path: "v1/clips", query: url.Values{"name": {name}}, body: wav,
		contentType: "audio/wav"}, nil, &clip)
	return clip, err
}

// Clips lists the clips.
func (c *Client) Clips(ctx context.Context) ([]Clip, error) {
	var page struct {
		Clips []Clip `json:"clips"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: "v1/clips"}, nil, &page)
	return page.Clips, err
}
