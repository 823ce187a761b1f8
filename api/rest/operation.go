package rest

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Operation describes a method of a path. Register adds one.
type Operation struct {
	ID          string // its name in clients that are made of the document
	Method      string
	Path        string // below Prefix, as /rooms/{room}
	Scope       string // that a key or token needs; "" for none but to be authenticated
	Open        bool   // it needs no key
	Tag         string
	Summary     string
	Description string
	MaxBody     int64 // in bytes; default Options.MaxBody
	Stream      bool  // the answer lasts
	Batch       bool  // it is not for batches
}

// Register adds an operation. I is what huma takes for an input: fields with the tags path, query or header, and Body. The
// document and the checks follow from I and O.
func Register[I, O any](a *API, op Operation, handle func(context.Context, *I) (O, error)) {
	described := a.describe(&op)
	a.router.next = route{op: op}
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*answerOf[O], error) {
		body, err := handle(ctx, in)
		if err != nil {
			return nil, a.problemOf(err)
		}
		return &answerOf[O]{Body: body}, nil
	})
	a.openSchema(reflect.TypeFor[O]())
}

// Stream adds an operation whose answer lasts. huma describes it and does not serve it.
func (a *API) Stream(op Operation, describe func(*huma.Operation), serve http.HandlerFunc) {
	described := a.describe(&op)
	describe(&described)
	a.huma.OpenAPI().AddOperation(&described)
	a.router.routes = append(a.router.routes, &route{op: op, segments: strings.Split(op.Path[1:], "/"), page: serve})
}

// describe returns the operation for huma.
func (a *API) describe(op *Operation) huma.Operation {
	described := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Tags: []string{op.Tag},
		MaxBodyBytes: -1, BodyReadTimeout: -1, // the body was read and bounded before
		Responses: map[string]*huma.Response{"default": a.problemResponse(op)},
	}
	switch {
	case op.Open:
		described.Description = join(op.Description, "Needs no key.")
		described.Security = []map[string][]string{}
	case op.Scope == "":
		described.Description = join(op.Description, "Needs a key.")
		described.Security = []map[string][]string{{securityName: {}}}
	default:
		described.Description = join(op.Description, "Scope: `"+op.Scope+"`.")
		described.Security = []map[string][]string{{securityName: {op.Scope}}}
		described.Extensions = map[string]any{"x-scope": op.Scope}
	}
	if op.Method == http.MethodPost {
		most := maxIdempotencyKey
		described.Parameters = append(described.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header",
			Description: "The same key with the same request within 24 h gets the same answer, and nothing is done again.",
			Schema:      &huma.Schema{Type: huma.TypeString, MinLength: new(int), MaxLength: &most},
		})
		*described.Parameters[0].Schema.MinLength = 1
	}
	return described
}

func join(text, more string) string { return strings.TrimSpace(text + " " + more) }

// problemResponse describes all answers that are not a success.
func (a *API) problemResponse(op *Operation) *huma.Response {
	statuses := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable}
	if op.Open {
		statuses = []int{http.StatusTooManyRequests}
	}
	texts := make([]string, len(statuses))
	for i, status := range statuses {
		texts[i] = strconv.Itoa(status)
	}
	return &huma.Response{
		Description: "A problem (RFC 9457): " + strings.Join(texts, ", ") + " and others. `code` says which.",
		Content: map[string]*huma.MediaType{problemType: {
			Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem"),
		}},
	}
}

// openSchema lets answers have members that this version does not know.
func (a *API) openSchema(t reflect.Type) {
	registry := a.huma.OpenAPI().Components.Schemas
	open(registry, registry.Schema(t, true, t.Name()), make(map[*huma.Schema]bool))
}

func open(registry huma.Registry, s *huma.Schema, seen map[*huma.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	if s.Ref != "" {
		open(registry, registry.SchemaFromRef(s.Ref), seen)
		return
	}
	if closed, ok := s.AdditionalProperties.(bool); ok && !closed {
		s.AdditionalProperties = nil
	}
	if inner, ok := s.AdditionalProperties.(*huma.Schema); ok {
		open(registry, inner, seen)
	}
	open(registry, s.Items, seen)
	for _, property := range s.Properties {
		open(registry, property, seen)
	}
}
