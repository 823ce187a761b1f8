package permission

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestDocsAgree compares the table of actions in docs/tokens.md with the rows of Table.
func TestDocsAgree(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/tokens.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "| action | member of the claim | value | default | permits |\n|---|---|---|---|---|\n"
	for _, row := range rows {
		value, shipped := "true or false", "none"
		if row.isList {
			value = "list"
		}
		if row.defaultValue != "" {
			shipped = "`" + row.defaultValue + "`"
		}
		help := reflect.TypeFor[Table]().FieldByIndex(row.index).Tag.Get("help")
		permits := strings.ToLower(help[:1]) + strings.TrimSuffix(help[1:], ", when the token does not say.")
		want += fmt.Sprintf("| `%s` | `%s` | %s | %s | %s |\n", row.action, row.path, value, shipped, permits)
	}
	if !strings.Contains(string(text), want+"\n") {
		t.Errorf("docs/tokens.md needs this table:\n%s", want)
	}
}

// TestActionsHaveRows finds a constant without a row, and a row without a name.
func TestActionsHaveRows(t *testing.T) {
	t.Parallel()
	for _, action := range []Action{Broadcast, Direct, Join, Publish, Presence, History, Moderate, Events, API} {
		if rowOf(action) == nil {
			t.Errorf("%s has no row in Table", action)
		}
	}
	for _, row := range rows {
		if row.action == "" {
			t.Errorf("%s has no tag action", row.path)
		}
	}
}
