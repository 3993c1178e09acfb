package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/avanak/avanak"
)

// resultRow is one recipient with what became of it.
type resultRow struct {
	Ordinal  uint32     `json:"ordinal"`
	Number   string     `json:"number"`
	State    string     `json:"state"`
	Attempts int        `json:"attempts"`
	Outcome  string     `json:"outcome"`
	SIP      int        `json:"sip_status"`
	Cause    int        `json:"q850_cause"`
	Started  *time.Time `json:"started,omitempty"`
	Ring     seconds    `json:"ring_s"`
	Talk     seconds    `json:"talk_s"`
	Played   seconds    `json:"played_s"`
	Sandbox  bool       `json:"sandbox"`
}

func rowOf(r avanak.Recipient, sandbox bool) resultRow {
	return resultRow{Ordinal: r.Ordinal, Number: e164(r.Number), State: r.State.String(), Attempts: r.Attempts,
		Outcome: r.Result.Outcome.String(), SIP: r.Result.SIP, Cause: r.Result.Cause, Started: utc(r.Result.Started),
		Ring: secondsOf(r.Result.Ring), Talk: secondsOf(r.Result.Talk), Played: secondsOf(r.Result.Played), Sandbox: sandbox}
}

// resultColumns are the names of a row's cells.
var resultColumns = []string{"ordinal", "number", "state", "attempts", "outcome", "sip_status", "q850_cause", "started", "ring_s",
	"talk_s", "played_s", "sandbox"}

func (r resultRow) cells() []string {
	started := ""
	if r.Started != nil {
		started = r.Started.Format(time.RFC3339)
	}
	return []string{strconv.FormatUint(uint64(r.Ordinal), 10), r.Number, r.State, strconv.Itoa(r.Attempts), r.Outcome,
		strconv.Itoa(r.SIP), strconv.Itoa(r.Cause), started, r.Ring.String(), r.Talk.String(), r.Played.String(),
		strconv.FormatBool(r.Sandbox)}
}

type resultsInput struct {
	ID     string `path:"id" maxLength:"64" doc:"The campaign's id"`
	Format string `query:"format" enum:"csv,ndjson" doc:"Goes before the Accept header"`
	Accept string `header:"Accept" hidden:"true"`
}

// asCSV tells which format is wanted: the query's, else the first that Accept names, else NDJSON.
func (in *resultsInput) asCSV() bool {
	if in.Format != "" {
		return in.Format == "csv"
	}
	for part := range strings.SplitSeq(in.Accept, ",") {
		switch kind, _, _ := mime.ParseMediaType(part); kind {
		case "text/csv":
			return true
		case "application/x-ndjson":
			return false
		}
	}
	return false
}

// listResults streams a campaign's results as they are read from the queue. A client that sees the answer end without the
// last chunk has not got all of it.
func (s *Server) listResults(ctx context.Context, in *resultsInput) (*huma.StreamResponse, error) {
	c, rows, err := s.campaigns.Results(ctx, tenantOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", "application/x-ndjson")
		newWriter := newLines
		if in.asCSV() {
			h.Set("Content-Type", "text/csv; charset=utf-8")
			h.Set("Content-Disposition", `attachment; filename="`+c.ID+`.csv"`)
			newWriter = newTable
		}
		s.stream(visitOf(hc.Context()), r, rows, c.Sandbox, newWriter)
	}}, nil
}

// Sizes of a stream: the buffer, and how many rows a client waits for at most while the buffer is not full.
const (
	streamBuffer = 64 << 10
	streamRows   = 500
)

// stream writes the rows. An error before the first byte has left is a refusal like any other; after it, the connection is
// broken off, because a status can no longer be sent.
func (s *Server) stream(v *visit, r *http.Request, rows iter.Seq2[avanak.Recipient, error], sandbox bool,
	newWriter func(io.Writer) rowWriter,
) {
	buffer := bufio.NewWriterSize(v.answer, streamBuffer)
	out := newWriter(buffer)
	var err error
	n := 0
	for recipient, rowErr := range rows {
		if err = rowErr; err == nil {
			err = out.write(rowOf(recipient, sandbox))
		}
		if n++; err == nil && n%streamRows == 0 {
			if err = flushAll(out, buffer); err == nil {
				err = v.answer.flush()
			}
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = flushAll(out, buffer)
	}
	switch {
	case err == nil:
		if v.answer.status == 0 {
			v.answer.WriteHeader(http.StatusOK) // no rows, no header line
		}
	case v.answer.status == 0:
		h := v.answer.Header()
		h.Del("Content-Disposition")
		s.refuse(v.answer, r, err)
	default:
		v.cause = err
		panic(http.ErrAbortHandler) // net/http's documented way to end an answer that cannot be completed
	}
}

func flushAll(out rowWriter, buffer *bufio.Writer) error {
	if err := out.flush(); err != nil {
		return err
	}
	return buffer.Flush()
}

// rowWriter writes rows in one format.
type rowWriter interface {
	write(resultRow) error
	flush() error
}

// lines writes NDJSON.
type lines struct{ encoder *json.Encoder }

func newLines(w io.Writer) rowWriter      { return lines{json.NewEncoder(w)} }
func (l lines) write(row resultRow) error { return l.encoder.Encode(row) }
func (l lines) flush() error              { return nil }

// table writes CSV with a header line.
type table struct{ *csv.Writer }

func newTable(w io.Writer) rowWriter {
	t := table{csv.NewWriter(w)}
	_ = t.Write(resultColumns) // buffered: its error comes back from flush
	return t
}

func (t table) write(row resultRow) error {
	cells := row.cells()
	for i, c := range cells {
		cells[i] = inert(c)
	}
	return t.Write(cells)
}

func (t table) flush() error {
	t.Flush()
	return t.Error()
}

// inert makes a cell that spreadsheets would take for a formula into text, by a quote in front (OWASP ASVS 5.0, 1.2.10). A
// number, a plus and nothing but digits, stays as it is: it computes nothing, and a quote would break whoever reads the file
// with a program.
func inert(cell string) string {
	if cell == "" {
		return cell
	}
	switch cell[0] {
	case '=', '@', '-', '\t', '\r', '\n':
		return "'" + cell
	case '+':
		if strings.Trim(cell[1:], "0123456789") != "" {
			return "'" + cell
		}
	}
	return cell
}
