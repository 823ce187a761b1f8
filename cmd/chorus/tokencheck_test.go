package main

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"chorus/auth"
	"chorus/auth/revocation"
	"chorus/node"
)

const checkSecret = "a secret of the tests, of more than 32 bytes"

// checkToken makes a token of claims that are good for an hour unless they say otherwise.
func checkToken(t *testing.T, claims map[string]any) string {
	t.Helper()
	return checkTokenOf(t, checkSecret, claims)
}

// checkTokenOf is checkToken for another secret. The token has no jti of its own.
func checkTokenOf(t *testing.T, secret string, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"sub": "ada", "exp": time.Now().Add(90 * time.Minute).Unix()}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	token, err := auth.Sign(secret, "", all)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func checkConfig() node.Config {
	cfg := node.DefaultConfig()
	cfg.Auth.Secret = checkSecret
	return cfg
}

func TestTokenCheckOfGoodOnes(t *testing.T) {
	may := map[string]any{"broadcast": false, "rooms": map[string]any{"join": []string{"lobby", "team-*"}}, "api": []string{"publish"}}
	token := checkToken(t, map[string]any{
		"name": "Ada\x1b[2J\u009b", "jti": "7", "aud": []string{"a", "b"}, "iat": time.Now().Add(-150 * time.Minute).Unix(), "chorus": may,
	})
	tests := []struct {
		name    string
		command tokenCheckCommand
		stdin   string
		want    []string // lines, with single spaces
	}{
		{"what it says", tokenCheckCommand{Token: token}, "", []string{
			`The token is good`, `alg "HS256"`, `sub "ada"`, `name "Ada\u001b[2J\u009b"`, `jti "7"`, `aud ["a","b"]`, ` 2 hours ago`, ` in 89 minutes`,
		}},
		{"patterns", tokenCheckCommand{Token: token}, "", []string{
			`broadcast no claim chorus.broadcast false`,
			`direct yes auth.defaults.direct true`,
			`join "lobby", "team-*" claim chorus.rooms.join`,
			`publish "*" auth.defaults.rooms.publish`,
			`presence "*" auth.defaults.rooms.presence`,
			`history "*" auth.defaults.rooms.history`,
			`api "publish" claim chorus.api`,
		}},
		{"nothing of the API", tokenCheckCommand{Token: checkToken(t, nil)}, "", []string{`api nothing auth.defaults.api`}},
		{"a room", tokenCheckCommand{Token: token, Room: "team-red"}, "", []string{
			`with the room "team-red"`, `join yes claim chorus.rooms.join "team-*"`, `publish yes auth.defaults.rooms.publish "*"`,
			`presence yes auth.defaults.rooms.presence "*"`, `history yes auth.defaults.rooms.history "*"`, `api "publish" claim chorus.api`,
		}},
		{"another room", tokenCheckCommand{Token: token, Room: "attic"}, "", []string{`join no no pattern of claim chorus.rooms.join`}},
		{"standard input", tokenCheckCommand{Token: "-"}, token + "\n", []string{`The token is good`}},
		{"with the word Bearer", tokenCheckCommand{Token: "Bearer " + token}, "", []string{`The token is good`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			if err := test.command.check(context.Background(), checkConfig(), strings.NewReader(test.stdin), &out); err != nil {
				t.Fatal(err)
			}
			wantLines(t, out.String(), test.want)
		})
	}
}

// wantLines fails unless a text has these pieces, however many spaces are between words.
func wantLines(t *testing.T, text string, pieces []string) {
	t.Helper()
	var squeezed strings.Builder
	for line := range strings.Lines(text) {
		squeezed.WriteString(" " + strings.Join(strings.Fields(line), " ") + " \n")
	}
	for _, piece := range pieces {
		if !strings.Contains(squeezed.String(), piece) {
			t.Errorf("no %q in\n%s", piece, text)
		}
	}
}

func TestTokenCheckOfBadOnes(t *testing.T) {
	const genuine, forged = "has a good signature", "NOT VERIFIED"
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	good := checkToken(t, nil)
	parts := strings.Split(good, ".")
	other, err := auth.Sign(strings.ToUpper(checkSecret), "", map[string]any{"sub": "eve", "exp": 4102444800})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		token  string
		change func(*node.Config)
		shows  string   // what is said before the claims; empty: they are not shown
		want   []string // in the error
	}{
		{"expired", checkToken(t, map[string]any{"exp": time.Now().Add(-3 * time.Minute).Unix()}), nil, genuine, []string{"token_expired", "jwt expired", "3 minutes ago", "get a new one"}},
		{"expired for days", checkToken(t, map[string]any{"exp": 1}), nil, genuine, []string{"days ago"}},
		{"not active", checkToken(t, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), nil, genuine, []string{"token_not_active", "nbf is still to come", "5s"}},
		{"no exp", checkToken(t, map[string]any{"exp": nil}), nil, genuine, []string{"auth.require_exp"}},
		{"issuer", checkToken(t, map[string]any{"iss": "them"}), func(c *node.Config) { c.Auth.Issuer = "us" }, genuine, []string{"invalid_issuer", `iss is "them"`, `auth.issuer is "us"`}},
		{"no issuer", good, func(c *node.Config) { c.Auth.Issuer = "us" }, genuine, []string{"it has no iss"}},
		{"audience", checkToken(t, map[string]any{"aud": []string{"a", "b"}}), func(c *node.Config) { c.Auth.Audience = []string{"c"} }, genuine, []string{"invalid_audience", `aud is ["a","b"]`, `["c"]`}},
		{"permissions", checkToken(t, map[string]any{"chorus": map[string]any{"rooms": map[string]any{"join": "*"}}}), nil, genuine, []string{"invalid_token", "chorus.rooms.join: want a list of patterns"}},
		{"another secret", other, nil, forged, []string{"invalid signature", "auth.secret"}},
		{"another algorithm", good, func(c *node.Config) { c.Auth.Algorithms = []string{"HS512"} }, forged, []string{"invalid algorithm", `alg is "HS256"`}},
		{"none", header(`{"alg":"none"}`) + "." + parts[1] + ".", nil, forged, []string{"invalid algorithm", `alg is "none"`}},
		{"type", header(`{"alg":"HS256","typ":"logout+jwt"}`) + "." + parts[1] + "." + parts[2], nil, forged, []string{"invalid token type", `typ is "logout+jwt"`, "auth.types"}},
		{"cut short", good[:len(good)-80], nil, "", []string{"jwt malformed", "cut"}},
		{"too large", strings.Repeat("a", 9000), nil, "", []string{"token_too_large", "9000 bytes"}},
		{"nothing", "", nil, "", []string{"credentials_required", "standard input"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := checkConfig()
			if test.change != nil {
				test.change(&cfg)
			}
			var out strings.Builder
			command := tokenCheckCommand{Token: test.token}
			err := command.check(context.Background(), cfg, strings.NewReader(""), &out)
			if err == nil {
				t.Fatal("it is good")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			if !strings.Contains(out.String(), test.shows) || test.shows == "" && out.String() != "" {
				t.Errorf("got %q, want %q in it", out.String(), test.shows)
			}
			if strings.Contains(out.String(), "may do") {
				t.Error("it says what a bad token may do")
			}
		})
	}
}

func TestTokenCheckLooksUpRevocations(t *testing.T) {
	f := newRevokeFixture(t)
	token := f.token(map[string]any{"sub": "ada", "jti": "7"}, time.Hour)
	check := func() (string, error) {
		var out strings.Builder
		err := (&tokenCheckCommand{Token: token}).check(t.Context(), f.cfg, strings.NewReader(""), &out)
		return out.String(), err
	}
	if out, err := check(); err != nil || !strings.Contains(out, "it was not revoked") {
		t.Fatalf("before: %v, %s", err, out)
	}
	if err := f.revocations.Revoke(t.Context(), revocation.Revocation{TokenID: "7"}); err != nil {
		t.Fatal(err)
	}
	out, err := check()
	if err == nil || !strings.Contains(err.Error(), "token_revoked") || !strings.Contains(err.Error(), "--undo") || !strings.Contains(out, "has a good signature") {
		t.Fatalf("after: %v, %s", err, out)
	}
}
