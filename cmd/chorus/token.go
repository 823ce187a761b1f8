package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"chorus/node"
)

type tokenCommands struct {
	Make   tokenCommand       `cmd:"" default:"withargs" help:"Make a token that the nodes of this configuration let in (default)."`
	Check  tokenCheckCommand  `cmd:"" help:"Say what a token may do and which rule decides, or what is wrong with it."`
	Revoke tokenRevokeCommand `cmd:"" help:"Have all nodes refuse a token, or the tokens of a subject, from now on."`
}

type tokenCommand struct {
	configFlags
	Sub   string        `required:"" placeholder:"ID" help:"Who the token is for: the claim sub."`
	Name  string        `help:"The claim name, for people to read."`
	TTL   time.Duration `name:"ttl" default:"1h" help:"How long the token is good."`
	Claim []string      `sep:"none" placeholder:"KEY=VALUE" help:"Another claim. A value that is JSON is taken as that, else as text. Can be repeated."`
}

// Run prints a token.
func (c *tokenCommand) Run() error {
	cfg, err := c.loadValid()
	if err != nil {
		return err
	}
	if c.TTL <= 0 {
		return usagef("--ttl %s: such a token would have expired already", c.TTL)
	}
	claims := map[string]any{"sub": c.Sub}
	if c.Name != "" {
		claims["name"] = c.Name
	}
	for _, claim := range c.Claim {
		key, text, ok := strings.Cut(claim, "=")
		if !ok || key == "" {
			return usagef("--claim %s: write it as KEY=VALUE", claim)
		}
		claims[key] = claimValue(text)
	}
	token, err := node.Sign(cfg, claims, c.TTL)
	if err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}

func claimValue(text string) any {
	var value any
	if json.Unmarshal([]byte(text), &value) == nil {
		return value
	}
	return text
}
