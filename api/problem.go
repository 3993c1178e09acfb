package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/avanak/avanak"
	"github.com/avanak/avanak/campaign"
	"github.com/avanak/avanak/queue"
)

// kind is what a problem is about: the last part of its type. Kinds are part of the API and never change their meaning.
type kind struct {
	name   string
	status int
	title  string
}

// The kinds.
var (
	invalidRequest      = kind{"invalid-request", http.StatusUnprocessableEntity, "The request is not valid"}
	unauthorized        = kind{"unauthorized", http.StatusUnauthorized, "The request has no valid API key"}
	forbidden           = kind{"forbidden", http.StatusForbidden, "The API key does not allow this"}
	notFound            = kind{"not-found", http.StatusNotFound, "There is no such thing"}
	methodNotAllowed    = kind{"method-not-allowed", http.StatusMethodNotAllowed, "The path does not know this method"}
	timeout             = kind{"timeout", http.StatusRequestTimeout, "The body took too long"}
	conflict            = kind{"conflict", http.StatusConflict, "The state does not allow this"}
	suppressed          = kind{"suppressed", http.StatusConflict, "The number must not be called"}
	outsideWindow       = kind{"outside-window", http.StatusConflict, "Calling is not allowed now"}
	idempotencyMismatch = kind{"idempotency-mismatch", http.StatusUnprocessableEntity, "The Idempotency-Key was used for another request"}
	tooLarge            = kind{"too-large", http.StatusRequestEntityTooLarge, "The body is too large"}
	unsupportedMedia    = kind{"unsupported-media", http.StatusUnsupportedMediaType, "The body's type is not supported"}
	invalidAudio        = kind{"invalid-audio", http.StatusUnprocessableEntity, "The audio cannot be used"}
	invalidList         = kind{"invalid-list", http.StatusUnprocessableEntity, "The list cannot be read"}
	laneFull            = kind{"lane-full", http.StatusTooManyRequests, "The fast lane is full"}
	limitReached        = kind{"limit-reached", http.StatusTooManyRequests, "A limit is reached"}
	unavailable         = kind{"unavailable", http.StatusServiceUnavailable, "The service cannot do this now"}
	internal            = kind{"internal", http.StatusInternalServerError, "Something went wrong here"}
)

// statusGone is what the log shows where the client went away before its answer (nginx's number); nobody receives it.
const statusGone = 499

// retrySoon is the Retry-After of refusals that time heals, in seconds.
const retrySoon = "2"

// problem is an answer of type application/problem+json (RFC 9457), and the error that asks for it.
type problem struct {
	Type   string  `json:"type" example:"urn:avanak:problem:invalid-request" doc:"urn:avanak:problem:<kind>; the kinds are stable"`
	Title  string  `json:"title" doc:"The kind in words, always the same"`
	Status int     `json:"status" example:"422" doc:"HTTP status"`
	Detail string  `json:"detail,omitempty" doc:"What happened this time"`
	Errors []fault `json:"errors,omitempty" doc:"All fields or lines that are at fault"`

	header http.Header
	cause  error // for the log, where the fault may be ours
}

// fault is one thing that is wrong with a request.
type fault struct {
	Location string `json:"location,omitempty" example:"body.retry.busy" doc:"Where, e.g. body.retry.busy or query.limit"`
	Message  string `json:"message" example:"must be a duration such as 3s or 30m" doc:"What is expected there"`
	Line     int    `json:"line,omitempty" doc:"Line of an uploaded list, from 1"`
}

// Problem builds a problem of this kind. Detail is for people; it must not hold what the client submitted.
func (k kind) problem(detail string, faults ...fault) *problem {
	p := &problem{Type: "urn:avanak:problem:" + k.name, Title: k.title, Status: k.status, Detail: detail, Errors: faults}
	switch k.status {
	case http.StatusUnauthorized:
		return p.with("WWW-Authenticate", `Bearer realm="avanak"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return p.with("Retry-After", retrySoon)
	}
	return p
}

// with adds a header to the answer.
func (p *problem) with(name, value string) *problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// Error returns title and detail.
func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// Unwrap returns what caused the problem.
func (p *problem) Unwrap() error { return p.cause }

// GetStatus and the next two methods are how huma writes the problem.
func (p *problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that belong to the answer.
func (p *problem) GetHeaders() http.Header { return p.header }

// ContentType returns the media type of the answer.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// problemOf is the one map from errors to problems.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge.problem("the body may have at most "+size(tooBig.Limit)).with("Connection", "close")
	}
	if list, ok := errors.AsType[*campaign.ListError](err); ok {
		return invalidList.problem("nothing of the list was added; correct it and send it again",
			fault{Location: "body", Message: scrub(list.Reason), Line: list.Line})
	}
	var p *problem
	switch {
	case errors.Is(err, campaign.ErrIdempotency):
		p = idempotencyMismatch.problem("the same key came with other content before; use a new key for a new request")
	case errors.Is(err, campaign.ErrSuppressed):
		p = suppressed.problem("the number is on the suppression list")
	case errors.Is(err, queue.ErrWindowClosed):
		p = outsideWindow.problem("now is outside the calling window")
	case errors.Is(err, avanak.ErrNotFound):
		p = notFound.problem("there is no such thing, or it is not yours")
	case errors.Is(err, avanak.ErrUnavailable):
		p = unavailable.problem("a part that is needed is away; try again")
	case errors.Is(err, avanak.ErrConflict):
		p = conflict.problem(explain(err, avanak.ErrConflict, "its present state does not allow this"))
	case errors.Is(err, queue.ErrFull):
		p = laneFull.problem("as many messages wait as may; try again")
	case errors.Is(err, campaign.ErrTooMany):
		p = tooLarge.problem(explain(err, campaign.ErrTooMany, "the campaign would have too many recipients"))
	case errors.Is(err, avanak.ErrLimited):
		p = limitReached.problem(explain(err, avanak.ErrLimited, "no more is accepted at the moment"))
	case errors.Is(err, avanak.ErrInvalid):
		p = invalidRequest.problem(explain(err, avanak.ErrInvalid, "the request breaks a rule of the API"))
	case errors.Is(err, context.Canceled):
		p = kind{"internal", statusGone, "The client went away"}.problem("")
	case errors.Is(err, context.DeadlineExceeded):
		p = unavailable.problem("the answer took too long; try again")
	default:
		p = internal.problem("the fault is ours; please name the X-Request-Id of this answer when you report it")
	}
	p.cause = err
	return p
}

// audioProblem is for an upload that no clip can be made of. The decoder's errors say what is wrong and what to do, and name
// only facts of the format.
func audioProblem(err error) error {
	if !errors.Is(err, avanak.ErrInvalid) {
		return err
	}
	return invalidAudio.problem(scrub(err.Error()), fault{Location: "body", Message: "must be a WAV file that can be played"})
}

// closedUntil completes the refusal of a message outside its window with the time at which calls may start.
func closedUntil(err error, w avanak.Window, now time.Time) error {
	if !errors.Is(err, queue.ErrWindowClosed) {
		return err
	}
	open, _, ok := w.Span(now)
	if !ok || !open.After(now) {
		return err
	}
	return outsideWindow.problem("now is outside the calling window, which opens at " +
		open.UTC().Format(time.RFC3339))
}

// size writes a limit for people.
func size(bytes int64) string {
	switch {
	case bytes >= 1<<20 && bytes%(1<<20) == 0:
		return strconv.FormatInt(bytes>>20, 10) + " MiB"
	case bytes >= 1<<10 && bytes%(1<<10) == 0:
		return strconv.FormatInt(bytes>>10, 10) + " KiB"
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// explain returns what an error says behind its sentinel, as in "…: conflict: a campaign without recipients cannot start";
// where it says nothing there, it returns otherwise.
func explain(err, sentinel error, otherwise string) string {
	text, mark := err.Error(), sentinel.Error()+": "
	i := strings.LastIndex(text, mark)
	if i < 0 || i+len(mark) == len(text) {
		return otherwise
	}
	return scrub(text[i+len(mark):])
}
