package api

import (
	"context"
	"slices"
	"strconv"

	"github.com/avanak/avanak"
)

type numbersRequest struct {
	Numbers []string `json:"numbers" nullable:"false" minItems:"1" maxItems:"10000" doc:"In any usual spelling"`
}

var exampleNumbers = numbersRequest{Numbers: []string{"09120000001", "+989120000002"}}

// read returns the numbers, each once, or all that is wrong with them.
func (r *numbersRequest) read() ([]avanak.Number, error) {
	var wrong faults
	numbers := make([]avanak.Number, 0, len(r.Numbers))
	for i, text := range r.Numbers {
		n, err := avanak.ParseNumber(text)
		if err != nil {
			wrong.add("body.numbers["+strconv.Itoa(i)+"]", numberFault(err))
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), wrong.err()
}

type numbersInput struct{ Body numbersRequest }

type addedOutput struct {
	Body struct {
		Added int `json:"added" doc:"Different numbers of the request; all of them are suppressed now"`
	} `nameHint:"AddedSuppressions"`
}

// addSuppressions acknowledges once every question that is asked later sees the numbers.
func (s *Server) addSuppressions(ctx context.Context, in *numbersInput) (*addedOutput, error) {
	numbers, err := in.Body.read()
	if err != nil {
		return nil, err
	}
	if err := s.suppressions.Add(ctx, numbers...); err != nil {
		return nil, err
	}
	out := &addedOutput{}
	out.Body.Added = len(numbers)
	return out, nil
}

func (s *Server) removeSuppressions(ctx context.Context, in *numbersInput) (*struct{}, error) {
	numbers, err := in.Body.read()
	if err != nil {
		return nil, err
	}
	return nil, s.suppressions.Remove(ctx, numbers...)
}

type numberInput struct {
	Number string `path:"number" maxLength:"64" doc:"In any usual spelling"`
}

func (in *numberInput) read() (avanak.Number, error) {
	n, err := avanak.ParseNumber(in.Number)
	if err != nil {
		return 0, invalidRequest.problem("see errors", fault{Location: "path.number", Message: numberFault(err)})
	}
	return n, nil
}

type suppressionOutput struct {
	Body struct {
		Suppressed bool `json:"suppressed"`
	} `nameHint:"Suppression"`
}

func (s *Server) getSuppression(ctx context.Context, in *numberInput) (*suppressionOutput, error) {
	n, err := in.read()
	if err != nil {
		return nil, err
	}
	out := &suppressionOutput{}
	out.Body.Suppressed, err = s.suppressions.Has(ctx, n)
	return out, err
}

func (s *Server) removeSuppression(ctx context.Context, in *numberInput) (*struct{}, error) {
	n, err := in.read()
	if err != nil {
		return nil, err
	}
	return nil, s.suppressions.Remove(ctx, n)
}
