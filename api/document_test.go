package api_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"chorus/api"
	"chorus/api/rest"
	"chorus/chat"
	"chorus/registry"
)

var update = flag.Bool("update", false, "write openapi.json")

const documentPath = "openapi.json"

// The document in the repository is that of the code.
func TestDocumentIsCurrent(t *testing.T) {
	nodes := registry.New(registry.Options{})
	a, err := api.New(api.Options{Chat: &chat.Chat{}, Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if *update {
		if err := os.WriteFile(documentPath, a.Document(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, a.Document()) {
		t.Fatalf("%s differs from the operations: run go generate ./api", documentPath)
	}
}

// docs/errors.md has every code.
func TestCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range rest.Codes() {
		if row := fmt.Sprintf("| `%s` | %d |", code.Code, code.Status); !bytes.Contains(page, []byte(row)) {
			t.Errorf("no row %s", row)
		}
	}
}
