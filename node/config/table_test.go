package config_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"chorus/node/config"
)

var update = flag.Bool("update", false, "write the table of settings into docs/configuration.md")

const (
	docsPage   = "../../docs/configuration.md"
	tableBegin = "<!-- The table follows from the package node/config: go generate ./node/config -->\n"
	tableEnd   = "<!-- end of the table -->\n"
)

func TestDocsHaveEverySetting(t *testing.T) {
	text, err := os.ReadFile(docsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	table, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no table of settings", docsPage)
	}
	want := config.Table()
	if table == want {
		return
	}
	if !*update {
		t.Fatalf("%s differs from the settings: run go generate ./node/config", docsPage)
	}
	if err := os.WriteFile(docsPage, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range config.Settings() {
		if !strings.HasSuffix(s.Help, ".") {
			t.Errorf("%s: the help %q is no sentence", s.Key, s.Help)
		}
		if s.Default == "" && s.Empty == "" && !strings.Contains(s.Key, "[]") && !strings.Contains(s.Key, "NAME") {
			t.Errorf("%s has no default, and no word for what an empty value means", s.Key)
		}
		if seen[s.Key] {
			t.Errorf("%s exists twice", s.Key)
		}
		seen[s.Key] = true
		if s.Key != strings.ToLower(s.Key) && !strings.Contains(s.Key, "NAME") {
			t.Errorf("%s: keys have small letters, digits and underscores", s.Key)
		}
	}
	if len(config.Keys()) < 80-10 {
		t.Errorf("only %d settings", len(config.Keys()))
	}
}
