package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"chorus/auth"
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
	token, err := sign(cfg, claims, c.TTL)
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

// sign makes a token that the nodes of the configuration accept.
func sign(cfg node.Config, claims map[string]any, ttl time.Duration) (string, error) {
	secrets := cfg.Secrets()
	if len(secrets) == 0 {
		return "", errors.New("no secret to sign with: set CHORUS_AUTH_SECRET to that of the nodes")
	}
	now := time.Now()
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(ttl).Unix()
	if cfg.Auth.Issuer != "" {
		claims["iss"] = cfg.Auth.Issuer
	}
	if len(cfg.Auth.Audience) > 0 {
		claims["aud"] = cfg.Auth.Audience[0]
	}
	algorithm, err := signingAlgorithm(cfg.Auth.Algorithms)
	if err != nil {
		return "", err
	}
	return auth.Sign(secrets[0], algorithm, claims)
}

// signingAlgorithm returns the first that is for a secret, empty for the default of auth.Sign.
func signingAlgorithm(allowed []string) (string, error) {
	for _, name := range allowed {
		if strings.HasPrefix(name, "HS") {
			return name, nil
		}
	}
	if len(allowed) > 0 {
		return "", fmt.Errorf("auth.algorithms (%s) has none for a secret: tokens of private keys are for their owner to sign", strings.Join(allowed, ", "))
	}
	return "", nil
}
