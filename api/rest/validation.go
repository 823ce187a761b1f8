package rest

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"chorus/chat"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// problemFrom makes a problem of what huma found wrong with a request. It has nothing of the request but names that the
// document has.
func (a *API) problemFrom(op *huma.Operation, found *huma.ErrorModel) *Problem {
	if found.Status >= http.StatusInternalServerError {
		return NewProblem(found.Status, chat.CodeInternal, "the server could not handle this request")
	}
	code := CodeInvalidValue
	if found.Status == http.StatusBadRequest {
		code = chat.CodeBadRequest
	}
	p := NewProblem(found.Status, code, found.Detail)
	for _, one := range found.Errors {
		if len(p.Errors) == maxProblemErrors {
			break
		}
		if one != nil {
			p.Errors = append(p.Errors, a.problemError(op, one))
		}
	}
	if len(p.Errors) > 0 {
		p.Detail = cutText(p.Errors[0].Location + ": " + p.Errors[0].Message)
	}
	return p
}

// problemError makes an error of what huma found wrong at one place.
func (a *API) problemError(op *huma.Operation, found *huma.ErrorDetail) ProblemError {
	message, _, _ := strings.Cut(found.Message, ": ") // behind it stands what a parser says of the value
	location, known := a.known(op, found.Location)
	switch {
	case message == "unknown query parameter" || message == validation.MsgUnexpectedProperty:
		message = "there is no such name here; there are: " + strings.Join(known, ", ")
		if len(known) == 0 {
			message = "there is no such name here"
		}
	case location == "":
		location = "body"
	}
	return ProblemError{Location: location, Message: cutText(message)}
}

// known returns the part of a location that has names of the document alone, and the names that it has there.
func (a *API) known(op *huma.Operation, location string) (at string, names []string) {
	segments := strings.Split(location, ".")
	if segments[0] != "body" {
		return a.knownParameter(op, segments)
	}
	if op.RequestBody == nil {
		return "body", nil
	}
	s := op.RequestBody.Content["application/json"].Schema
	at = "body"
	for _, segment := range segments[1:] {
		s = a.resolve(s)
		name, index, _ := strings.Cut(segment, "[")
		inner := s.Properties[name]
		if inner == nil {
			break
		}
		at += "." + name
		for s = inner; index != ""; { // rooms[0]
			s = a.resolve(s)
			if s.Items == nil {
				break
			}
			number, rest, _ := strings.Cut(index, "]")
			at += "[" + number + "]"
			s = s.Items
			_, index, _ = strings.Cut(rest, "[")
		}
	}
	return at, slices.Sorted(maps.Keys(a.resolve(s).Properties))
}

func (a *API) resolve(s *huma.Schema) *huma.Schema {
	for s.Ref != "" {
		s = a.huma.OpenAPI().Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

// knownParameter is known for a parameter.
func (a *API) knownParameter(op *huma.Operation, segments []string) (at string, names []string) {
	for _, parameter := range op.Parameters {
		if parameter.In != segments[0] {
			continue
		}
		names = append(names, parameter.Name)
		if len(segments) > 1 && parameter.Name == segments[1] {
			return parameter.In + "." + parameter.Name, nil
		}
	}
	if slices.Contains([]string{"query", "path", "header"}, segments[0]) {
		at = segments[0]
	}
	return at, names
}
