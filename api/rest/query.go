package rest

import (
	"net/http"
	"net/url"
	"unicode/utf8"

	"chorus/chat"

	"github.com/danielgtaylor/huma/v2"
)

// checkQuery returns the problem of a query that can be read in more than one way. huma ignores what it cannot decode and
// what has no value: a purge of the messages of one user would then purge those of all.
func checkQuery(found *route, raw string) *Problem {
	if found.huma == nil {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil || !isUTF8(values) {
		return NewProblem(http.StatusBadRequest, chat.CodeBadRequest, "the query is not percent-encoded UTF-8")
	}
	for _, parameter := range found.huma.Parameters {
		given, there := values[parameter.Name]
		if parameter.In != "query" || !there {
			continue
		}
		location := "query." + parameter.Name
		switch s := parameter.Schema; {
		case len(given) > 1:
			return Invalid(location, "give it once")
		case given[0] == "" && (s.Type != huma.TypeString || s.MinLength != nil && *s.MinLength > 0):
			return Invalid(location, "it has no value")
		}
	}
	return nil
}

func isUTF8(values url.Values) bool {
	for name, given := range values {
		if !utf8.ValidString(name) {
			return false
		}
		for _, value := range given {
			if !utf8.ValidString(value) {
				return false
			}
		}
	}
	return true
}
