package api

import (
	"context"
	"mime"
	"strings"

	"github.com/avanak/avanak/campaign"
)

type listUpload struct {
	streamed
	ID string `path:"id" maxLength:"64" doc:"The campaign's id"`
}

// receiptAnswer says what became of a list's rows.
type receiptAnswer struct {
	TotalRows   int   `json:"total_rows"`
	Accepted    int   `json:"accepted" doc:"New recipients"`
	Suppressed  int   `json:"suppressed" doc:"New recipients who must not be called, and will not be"`
	Duplicates  int   `json:"duplicates" doc:"Rows whose number the campaign has already"`
	Invalid     int   `json:"invalid" doc:"Rows without a number that we know how to read"`
	Emergency   int   `json:"emergency" doc:"Rows with an emergency or short number"`
	Destination int   `json:"destination" doc:"Rows with a number abroad or of premium rate"`
	Rejected    []row `json:"rejected" nullable:"false" doc:"The first rejected rows"`
	Truncated   bool  `json:"rejected_truncated" doc:"Whether more rows were rejected than are listed"`
	Recipients  int   `json:"recipients" doc:"Recipients of the campaign now"`
}

// row is a rejected row of a list.
type row struct {
	Line   int    `json:"line" doc:"Line of the file, from 1"`
	Reason string `json:"reason" example:"invalid"`
}

type receiptOutput struct{ Body receiptAnswer }

// addRecipients reads a list as it comes. Rows that name no callable number are counted; a file that cannot be read is refused
// whole, and nothing of it is added.
func (s *Server) addRecipients(ctx context.Context, in *listUpload) (*receiptOutput, error) {
	format, err := formatOf(in.contentType)
	if err != nil {
		return nil, err
	}
	leave, err := s.listUploads.pass(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	got, err := s.campaigns.Load(ctx, tenantOf(ctx), in.ID, format, in.body)
	if err != nil {
		return nil, err
	}
	out := &receiptOutput{receiptAnswer{TotalRows: got.Rows, Accepted: got.Accepted, Suppressed: got.Suppressed,
		Duplicates: got.Duplicates, Invalid: got.Invalid, Emergency: got.Emergency, Destination: got.Destination,
		Rejected: make([]row, 0, len(got.Rejected)), Truncated: got.Truncated, Recipients: got.Recipients}}
	for _, r := range got.Rejected {
		out.Body.Rejected = append(out.Body.Rejected, row{r.Line, r.Reason})
	}
	return out, nil
}

// formatOf tells how a list is written.
func formatOf(contentType string) (campaign.Format, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	charset := params["charset"]
	switch {
	case err == nil && charset != "" && !strings.EqualFold(charset, "utf-8"):
		return 0, unsupportedMedia.problem("save the list as UTF-8")
	case err == nil && kind == "text/csv":
		return campaign.CSV, nil
	case err == nil && kind == "application/x-ndjson":
		return campaign.NDJSON, nil
	}
	return 0, unsupportedMedia.problem("send the list as Content-Type: text/csv or application/x-ndjson")
}
