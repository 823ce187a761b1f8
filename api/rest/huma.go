package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"math"

	"github.com/danielgtaylor/huma/v2"
)

// The settings of huma hold for the process and are read while a schema is made, so they are set before any API is made.
func init() {
	huma.ValidateStrictCasing = true // names of members are what they are
	huma.DefaultArrayNullable = false
}

// newHuma returns the part that knows types: it checks requests and writes the document.
func (a *API) newHuma() huma.API {
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Chorus", Version: "1",
			Description: "What back ends do with a Chorus cluster: publish, see who is there, read history, moderate. " +
				"See docs/api.md for a program of twenty lines.",
		},
		Servers: []*huma.Server{{URL: Prefix}},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				securityName: {Type: "http", Scheme: "bearer", Description: "An API key (chk_NAME_SECRET), or a JWT whose claim chorus.api permits the scope."},
			},
		},
	}
	format := huma.Format{Marshal: writeJSON, Unmarshal: readJSON}
	return huma.NewAPI(huma.Config{
		OpenAPI:                      document,
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{a.toProblem},
	}, a.router)
}

const securityName = "key"

// toProblem makes a problem of what huma itself has to say.
func (a *API) toProblem(ctx huma.Context, _ string, value any) (any, error) {
	if found, ok := value.(*huma.ErrorModel); ok {
		value = a.problemFrom(ctx.Operation(), found)
	}
	if p, ok := value.(*Problem); ok {
		p.RequestID = ExchangeOf(ctx.Context()).id
		ExchangeOf(ctx.Context()).code = p.Code
		ExchangeOf(ctx.Context()).detail = p.Detail
	}
	return value, nil
}

// writeJSON writes an answer. Values of messages are written as they were sent.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// readJSON reads a body that strict has accepted. What huma checks against a schema has numbers in the range of float64;
// values of messages stay as they are, digit for digit.
func readJSON(data []byte, into any) error {
	if into, ok := into.(*any); ok {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(into); err != nil {
			return err
		}
		*into = plainNumbers(*into)
		return nil
	}
	return json.Unmarshal(data, into)
}

// plainNumbers makes float64 of all numbers; those beyond become the largest.
func plainNumbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		f, _ := value.Float64() // beyond the range it is infinite
		return math.Max(-math.MaxFloat64, math.Min(math.MaxFloat64, f))
	case map[string]any:
		for name, member := range value {
			value[name] = plainNumbers(member)
		}
	case []any:
		for i, element := range value {
			value[i] = plainNumbers(element)
		}
	}
	return value
}

// answerOf is what huma takes for an answer with a body.
type answerOf[T any] struct{ Body T }
