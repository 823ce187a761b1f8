package api_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"chorus/adapter"
	"chorus/api"
	"chorus/api/rest"
	"chorus/chat"
	"chorus/chat/memory"
	"chorus/registry"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

var update = flag.Bool("update", false, "write openapi.json")

const documentPath = "openapi.json"

// The document in the repository is that of the code.
func TestDocumentIsCurrent(t *testing.T) {
	opts := socket.DefaultServerOptions()
	opts.SetAdapter(adapter.NewMemory())
	server := socket.NewServer(nil, opts)
	defer server.Close(nil)
	kept := memory.New(memory.Options{})
	defer kept.Close(context.Background()) //nolint:errcheck // nothing is kept
	program, err := chat.New(server.Sockets(), chat.Options{Store: kept})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	a, err := api.New(api.Options{Chat: program, Nodes: registry.New(registry.Options{})})
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
