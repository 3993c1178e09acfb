package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// huma keeps these two settings in package variables, and this package is the only one that uses huma, so they are set once,
// before any request: its own errors repeat the rejected value, and its own reading of field names ignores case, by which
// {"number":…,"NUMBER":…} would pass the check with one value and be decoded with the other.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return humaProblem(status, message, errs)
	}
	huma.ValidateStrictCasing = true
}

// humaProblem turns what huma found wrong with a request into a problem, without the values.
func humaProblem(status int, message string, errs []error) *problem {
	var faults []fault
	for _, err := range errs {
		// A body that cannot be read brings its own error (see body.go).
		if p, ok := errors.AsType[*problem](err); ok {
			return p
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return problemOf(err)
		}
		if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			faults = append(faults, fault{Location: scrubLocation(d.Location), Message: faultText(d.Message)})
		} else if err != nil {
			faults = append(faults, fault{Message: faultText(err.Error())})
		}
		if len(faults) == maxFaults {
			break
		}
	}
	switch status {
	case http.StatusUnsupportedMediaType:
		return unsupportedMedia.problem("the body must be application/json in UTF-8")
	case http.StatusRequestEntityTooLarge:
		return tooLarge.problem(scrub(message))
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		p := invalidRequest.problem("see errors", faults...)
		if len(faults) == 0 {
			p.Detail = scrub(message)
		}
		p.Status = status
		return p
	}
	p := internal.problem("the request could not be handled", faults...)
	if status < http.StatusInternalServerError {
		p = invalidRequest.problem(scrub(message), faults...)
	}
	p.Status, p.cause = status, errors.Join(errs...)
	return p
}

// maxFaults bounds the list of faults of one answer.
const maxFaults = 100

// faultText rewords the messages of huma that people stumble over.
func faultText(message string) string {
	if message == "unexpected property" {
		return "there is no such field"
	}
	return scrub(message)
}

// jsonFormat is the only format of bodies. Its decoder names places, not values.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
}

func unmarshal(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("the body is not UTF-8")
	}
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the body is not valid JSON (byte %d)", syntax.Offset)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the body does not fit (byte %d)", wrong.Offset)
	}
	return errors.New("the body does not fit")
}

// schemaName names a type in the description: the Go names of answers end in Answer, the API's do not.
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Answer")
}

// streamed is embedded in the inputs of routes whose body is read as it comes: huma would read it whole into memory.
type streamed struct {
	body        io.Reader
	contentType string
}

// Resolve takes the body from huma's context before the handler runs. (limits has put its bounds around it.)
func (s *streamed) Resolve(ctx huma.Context) []error {
	s.body, s.contentType = ctx.BodyReader(), ctx.Header("Content-Type")
	return nil
}
