package rest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS string

// docsPage is the page that explains the operations. It has no script and loads nothing.
type docsPage struct {
	html   []byte
	policy string
}

// Parts of an OpenAPI document, as the page needs them.
type (
	docDocument struct {
		Info struct{ Title, Version, Description string }
		// Paths has operations by path and method.
		Paths      map[string]map[string]docOperation
		Components struct{ Schemas map[string]docSchema }
	}
	docOperation struct {
		OperationID, Summary, Description string
		Tags                              []string
		Parameters                        []struct {
			Name, In, Description string
			Required              bool
			Schema                docSchema
		}
		RequestBody struct {
			Content map[string]struct{ Schema docSchema }
		}
		Responses map[string]struct {
			Description string
			Content     map[string]struct{ Schema docSchema }
		}
	}
	docSchema struct {
		Ref         string `json:"$ref"`
		Type        any
		Description string
		Properties  map[string]docSchema
		Required    []string
		Items       *docSchema
		OneOf       []docSchema
	}
)

// docRow is an operation on the page.
type docRow struct {
	Method, Path, ID string
	docOperation
	Body, Answer string
}

// docGroup are the operations of a tag.
type docGroup struct {
	Tag  string
	Rows []docRow
}

func newDocsPage(document []byte) (*docsPage, error) {
	var doc docDocument
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("api: the document cannot be read: %w", err)
	}
	page, err := template.New("docs").Funcs(template.FuncMap{
		"type": doc.typeOf,
		"has":  slices.Contains[[]string],
	}).Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(doc.Components.Schemas))
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{
		"Info": doc.Info, "Groups": doc.groups(), "Names": names, "Schemas": doc.Components.Schemas, "Prefix": Prefix,
		"Codes": Codes(), "CSS": template.CSS(docsCSS), //nolint:gosec // it is ours
	})
	sum := sha256.Sum256([]byte(docsCSS))
	return &docsPage{
		html:   out.Bytes(),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, err
}

// serve answers with the page.
func (p *docsPage) serve(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", p.policy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(p.html) // who has gone does not read it
}

// groups returns the operations by tag.
func (d *docDocument) groups() []docGroup {
	byTag := make(map[string][]docRow)
	for path, methods := range d.Paths {
		for method, op := range methods {
			row := docRow{Method: strings.ToUpper(method), Path: path, ID: op.OperationID, docOperation: op}
			for _, content := range op.RequestBody.Content {
				row.Body = d.typeOf(content.Schema)
			}
			for status, response := range op.Responses {
				for _, content := range response.Content {
					if status != "default" {
						row.Answer = d.typeOf(content.Schema)
					}
				}
			}
			tag := strings.Join(op.Tags, " ")
			byTag[tag] = append(byTag[tag], row)
		}
	}
	groups := make([]docGroup, 0, len(byTag))
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		rows := byTag[tag]
		slices.SortFunc(rows, func(a, b docRow) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
		groups = append(groups, docGroup{tag, rows})
	}
	return groups
}

// typeOf returns a schema in a word or two.
func (d *docDocument) typeOf(s docSchema) string {
	switch {
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case len(s.OneOf) > 0:
		var forms []string
		for _, one := range s.OneOf {
			forms = append(forms, d.typeOf(one))
		}
		return strings.Join(forms, " or ")
	case s.Items != nil:
		return "list of " + d.typeOf(*s.Items)
	case s.Type == nil:
		return "any JSON"
	}
	return fmt.Sprint(s.Type)
}
