package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"chorus/api/rest"
)

type apiCommands struct {
	Key apiKeyCommand `cmd:"" help:"Make an API key, and the lines of the configuration that let it in."`
}

type apiKeyCommand struct {
	Name  string   `arg:"" help:"Name of the key, as the log has it: what uses it."`
	Scope []string `required:"" placeholder:"SCOPE" help:"What the key may do: publish, rooms, history, users, moderate, tokens, admin (all), each also with :read. Can be repeated."`
	End   string   `placeholder:"TIME" help:"When the key stops being good, as 2027-01-31T00:00:00Z. Default: never."`
	JSON  bool     `name:"json" help:"Print JSON: {name, key, hash, scopes}."`
}

// apiKeyJSON is what "api key --json" prints.
type apiKeyJSON struct {
	Name   string   `json:"name"`
	Key    string   `json:"key"`
	Hash   string   `json:"hash"`
	Scopes []string `json:"scopes"`
	End    string   `json:"end,omitempty"`
}

// Run prints a new key, which is nowhere else, and its hash.
func (c *apiKeyCommand) Run() error {
	for _, scope := range c.Scope {
		if err := rest.CheckScope(scope); err != nil {
			return usagef("--scope: %w", err)
		}
	}
	if c.End != "" {
		end, err := time.Parse(time.RFC3339, c.End)
		if err != nil || !end.After(time.Now()) {
			return usagef("--end: write a time to come, as 2027-01-31T00:00:00Z")
		}
	}
	key, hash, err := rest.NewKey(c.Name)
	if err != nil {
		return usageError{err}
	}
	if c.JSON {
		return printJSON(os.Stdout, apiKeyJSON{c.Name, key, hash, c.Scope, c.End})
	}
	fmt.Printf("The key, for the program that uses it. It is shown this once:\n\n  %s\n\nFor the configuration of every node:\n\n", key)
	fmt.Printf("  api:\n    keys:\n      - name: %s\n        hash: %s\n        scopes: [%s]\n", c.Name, hash, strings.Join(quoted(c.Scope), ", "))
	if c.End != "" {
		fmt.Printf("        end: %s\n", c.End)
	}
	return nil
}

// quoted writes scopes as YAML takes them in a list: a colon needs quotes.
func quoted(scopes []string) []string {
	list := make([]string, len(scopes))
	for i, scope := range scopes {
		if list[i] = scope; strings.Contains(scope, ":") {
			list[i] = `"` + scope + `"`
		}
	}
	return list
}
