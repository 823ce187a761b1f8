package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// Document returns the OpenAPI document of the API.
func (a *API) Document() []byte { return a.document }

// Complete writes the document, without what huma adds by itself. No operation is added after it.
func (a *API) Complete() error {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	compact, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	a.document = out.Bytes()
	a.docs, err = newDocsPage(a.document)
	return err
}

// registerDocs adds the paths that need no key and are not in the document.
func registerDocs(a *API) {
	a.router.page("getDocument", "/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(a.document) // who has gone does not read it
	})
	a.router.page("getDocs", "/docs", func(w http.ResponseWriter, _ *http.Request) { a.docs.serve(w) })
}
