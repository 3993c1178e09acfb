package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/avanak/avanak"
)

// maxRow bounds a line of results, bytes.
const maxRow = 64 << 10

// Row is what became of one recipient.
type Row struct {
	Ordinal  int       `json:"ordinal"`
	Number   string    `json:"number"`
	State    string    `json:"state"`
	Attempts int       `json:"attempts"`
	Outcome  string    `json:"outcome"`
	SIP      int       `json:"sip_status"`
	Cause    int       `json:"q850_cause"`
	Started  time.Time `json:"started,omitzero"`
	Ring     float64   `json:"ring_s"`
	Talk     float64   `json:"talk_s"`
	Played   float64   `json:"played_s"`
	Sandbox  bool      `json:"sandbox"`
}

// Results streams a campaign's results as the gateway writes them. The reader must be closed.
func (c *Client) Results(ctx context.Context, id string, format ListFormat) (io.ReadCloser, error) {
	return c.open(ctx, request{method: http.MethodGet, path: campaignPath(id) + "/results", accept: format.contentType(),
		query: url.Values{"format": {string(format)}}})
}

// Rows streams a campaign's results row by row; the first error ends the sequence.
func (c *Client) Rows(ctx context.Context, id string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		body, err := c.Results(ctx, id, NDJSON)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer func() { _ = body.Close() }()
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, maxRow)
		for n := 1; lines.Scan(); n++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			var row Row
			if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
				yield(Row{}, fmt.Errorf("results of %s, line %d: %w", id, n, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Row{}, fmt.Errorf("results of %s: %w", id, c.broken(ctx, err)))
		}
	}
}

// Terminal tells whether nothing more will happen to a recipient or message in this state. A state that this version does
// not know is not terminal.
func Terminal(state string) bool {
	for s := range avanak.State(avanak.States) {
		if s.String() == state {
			return s.Terminal()
		}
	}
	return false
}
