package token_test

import (
	"errors"
	"strings"
	"testing"

	"chorus/auth/permission"
	"chorus/auth/refusal"
	tokens "chorus/auth/token"
)

func TestClaimsPermit(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *tokens.Options) { o.Defaults = &permission.Table{Direct: true} })
	claims, err := v.Verify(t.Context(), craft(secret, hs256, `{"sub":"ada",`+soon+`,"chorus":{"rooms":{"join":["user:{sub}"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if !claims.Can(permission.Join, "user:ada") || claims.Can(permission.Join, "lobby") || !claims.Can(permission.Direct, "") || claims.Can(permission.Publish, "lobby") {
		t.Error("the claims or the defaults do not count")
	}
	if got := claims.Decide(permission.Join, "user:ada").Rule(); got != `claim chorus.rooms.join "user:{sub}"` {
		t.Errorf("decided by %s", got)
	}
	if patterns, source := claims.Patterns(permission.Join); len(patterns) != 1 || source != "claim chorus.rooms.join" {
		t.Errorf("got patterns %q of %s", patterns, source)
	}
}

func TestNobodyMayDoAnything(t *testing.T) {
	t.Parallel()
	for name, nobody := range map[string]*tokens.Claims{"nil": nil, "not from a verifier": {}} {
		for _, action := range permission.Actions() {
			if nobody.Can(action, "lobby") {
				t.Errorf("%s: %s", name, action)
			}
			if patterns, source := nobody.Patterns(action); patterns != nil || source != "" {
				t.Errorf("%s: %s has patterns", name, action)
			}
		}
	}
}

func TestPermissionsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	for claim, want := range map[string]string{
		`null`:                       "chorus: want an object",
		`{"rooms":{"join":"*"}}`:     "chorus.rooms.join: want a list of patterns",
		`{"rooms":{"join":["{x}"]}}`: "chorus.rooms.join[0]: a pattern has a brace",
		`{"direct":1}`:               "chorus.direct: want true or false",
	} {
		claims, err := newVerifierAt(t, nil).Verify(t.Context(), craft(secret, hs256, `{`+soon+`,"chorus":`+claim+`}`))
		if claims != nil || !errors.Is(err, tokens.ErrClaimInvalid) || !strings.Contains(err.Error(), want) || refusal.Code(err) != refusal.CodeInvalidToken {
			t.Errorf("%s: got %v, %v, want %q", claim, claims, err, want)
		}
	}
}

func TestPermissionOptions(t *testing.T) {
	t.Parallel()
	for option, change := range map[string]func(*tokens.Options){
		"Defaults":         func(o *tokens.Options) { o.Defaults = &permission.Table{API: []string{"{"}} },
		"PermissionsClaim": func(o *tokens.Options) { o.PermissionsClaim = "sub" },
	} {
		opts := tokens.Options{Secrets: []string{secret}}
		change(&opts)
		_, err := tokens.NewVerifier(opts)
		var of *tokens.OptionError
		if !errors.Is(err, tokens.ErrBadOption) || !errors.As(err, &of) || of.Option != option {
			t.Errorf("%s: got %v", option, err)
		}
	}
}
