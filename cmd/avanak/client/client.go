package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/avanak/avanak"
)

// ErrUnreachable means that no answer came: nothing listens there, the connection broke, or it stood still.
var ErrUnreachable = errors.New("cannot reach the gateway")

// DefaultTimeout is how long a request may stand still.
const DefaultTimeout = time.Minute

// maxAnswer bounds an answer that is held in memory, bytes. Results are streamed and have no bound.
const maxAnswer = 16 << 20

// Config says where the gateway is and who asks.
type Config struct {
	// URL is the gateway's public address, such as "http://127.0.0.1:8080"; required.
	URL string
	// Key is the API key; without one only Ready works.
	Key string
	// Timeout is how long a request may stand still; 0 means DefaultTimeout.
	Timeout time.Duration
	// Agent is sent as User-Agent; "" means "avanak".
	Agent string
}

// Client is one customer of one gateway. Its methods are safe for concurrent use.
type Client struct {
	base    *url.URL
	key     string
	agent   string
	timeout time.Duration
	http    *http.Client
}

// New checks the configuration and connects to nothing. Its errors wrap avanak.ErrInvalid.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("%w: the gateway's address must look like http://127.0.0.1:8080", avanak.ErrInvalid)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%w: the gateway's address must be plain, without user, query or fragment", avanak.ErrInvalid)
	}
	if strings.ContainsFunc(cfg.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%w: the API key holds characters that no key has", avanak.ErrInvalid)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &Client{base: base, key: cfg.Key, agent: cmp.Or(cfg.Agent, "avanak"), timeout: cfg.Timeout, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// URL returns the gateway's address as the client uses it.
func (c *Client) URL() string { return strings.TrimSuffix(c.base.String(), "/") }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one call of the API.
type request struct {
	method, path string
	query        url.Values
	body         io.Reader // nil means none
	contentType  string
	accept       string // "" means JSON
	idempotency  string // Idempotency-Key; "" means none
	anonymous    bool   // without the key
}

// call sends in as JSON (nil: no body) and reads the answer into out (nil: the answer is dropped).
func (c *Client) call(ctx context.Context, r request, in, out any) error {
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		r.body, r.contentType = bytes.NewReader(b), "application/json"
	}
	body, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return c.decode(ctx, body, out)
}

// decode reads a bounded JSON answer.
func (c *Client) decode(ctx context.Context, body io.Reader, out any) error {
	b, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	switch {
	case err != nil:
		return c.broken(ctx, err)
	case out == nil:
		return nil
	case len(b) > maxAnswer:
		return fmt.Errorf("the answer of %s is longer than %d bytes", c.URL(), maxAnswer)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s did not answer as a gateway does: %w", c.URL(), err)
	}
	return nil
}

// open sends a request and returns the body of its answer; a status other than 2xx is a Problem.
func (c *Client) open(ctx context.Context, r request) (io.ReadCloser, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, readProblem(resp)
}

// send sends a request. The body of the response must be closed.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	watched, dog := watch(ctx, c.timeout)
	upload := &reader{src: r.body, dog: dog}
	var body io.Reader
	if r.body != nil {
		body = upload
	}
	u := c.base.JoinPath(r.path)
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(watched, r.method, u.String(), body)
	if err != nil {
		dog.stop()
		return nil, fmt.Errorf("make request: %w", err)
	}
	if sized, ok := r.body.(interface{ Len() int }); ok {
		req.ContentLength = int64(sized.Len())
	}
	c.setHeaders(req, r)
	resp, err := c.http.Do(req)
	if err != nil {
		stalled := dog.barked()
		dog.stop()
		// The sender's file may be at fault, not the gateway.
		if own := upload.failure(); own != nil {
			return nil, fmt.Errorf("read what to send: %w", own)
		}
		if stalled {
			err = fmt.Errorf("no byte moved for %s", c.timeout)
		}
		return nil, c.broken(ctx, err)
	}
	resp.Body = &download{reader: reader{src: resp.Body, dog: dog}, body: resp.Body}
	return resp, nil
}

func (c *Client) setHeaders(req *http.Request, r request) {
	req.Header.Set("Accept", cmp.Or(r.accept, "application/json")+", application/problem+json")
	req.Header.Set("User-Agent", c.agent)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.idempotency != "" {
		req.Header.Set("Idempotency-Key", r.idempotency)
	}
	if c.key != "" && !r.anonymous {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
}

// broken tells the caller's own end (ctx) from a gateway that does not answer.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // its text repeats method and address
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.URL(), err)
}
