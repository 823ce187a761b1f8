package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"chorus/auth/revocation"
	"chorus/auth/token"
	"chorus/node"

	"github.com/alicebob/miniredis/v2"
)

// revokeFixture is a cluster's Redis and what the commands have of it.
type revokeFixture struct {
	t           *testing.T
	cfg         node.Config
	revocations *revocation.Set
}

func newRevokeFixture(t *testing.T) *revokeFixture {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.Auth.Secret = strings.Repeat("s", 32)
	cfg.Cluster.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
	revocations, closeAll, err := node.OpenRevocations(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &revokeFixture{t: t, cfg: cfg, revocations: revocations}
}

// run returns what the command prints.
func (f *revokeFixture) run(c tokenRevokeCommand, in string) (string, error) {
	f.t.Helper()
	if err := c.check(); err != nil {
		return "", err
	}
	var out bytes.Buffer
	err := c.run(f.t.Context(), f.cfg, f.revocations, strings.NewReader(in), &out)
	return out.String(), err
}

func (f *revokeFixture) token(claims map[string]any, ttl time.Duration) string {
	f.t.Helper()
	token, err := node.Sign(f.cfg, claims, ttl)
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

func TestTokenRevoke(t *testing.T) {
	now := time.Now()
	f := newRevokeFixture(t)
	text := f.token(map[string]any{"sub": "a", "jti": "of a token"}, time.Hour)
	for _, test := range []struct {
		name    string
		command tokenRevokeCommand
		in      string
		prints  string
		want    revocation.Revocation // without At
	}{
		{"a token", tokenRevokeCommand{Token: text}, "", `id "of a token"`,
			revocation.Revocation{TokenID: "of a token", Until: now.Add(time.Hour + token.MaxLeeway)}},
		{"standard input", tokenRevokeCommand{Token: "-"}, text + "\n", `id "of a token"`,
			revocation.Revocation{TokenID: "of a token", Until: now.Add(time.Hour + token.MaxLeeway)}},
		{"an id", tokenRevokeCommand{ID: "1"}, "", `id "1"`,
			revocation.Revocation{TokenID: "1", Until: now.Add(revocation.DefaultKeep)}},
		{"a subject", tokenRevokeCommand{Sub: "a", For: time.Minute}, "", `all tokens of "a"`,
			revocation.Revocation{Subject: "a", Until: now.Add(time.Minute)}},
		{"for ever", tokenRevokeCommand{Sub: "a", Until: "forever"}, "", `all tokens of "a"`,
			revocation.Revocation{Subject: "a", Until: revocation.Forever}},
		{"issued before a time", tokenRevokeCommand{Sub: "a", Before: "2026-01-31T12:00:00Z"}, "", "issued before 2026-01-31T12:00:00Z",
			revocation.Revocation{Subject: "a", IssuedBefore: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Until: now.Add(revocation.DefaultKeep)}},
		{"issued before now", tokenRevokeCommand{Sub: "a", Before: "now"}, "", "issued before 20",
			revocation.Revocation{Subject: "a", IssuedBefore: now, Until: now.Add(revocation.DefaultKeep)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			printed, err := f.run(test.command, test.in)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(printed, "Revoked: ") || !strings.Contains(printed, test.prints) {
				t.Errorf("printed %q", printed)
			}
			list := f.revocations.List()
			if len(list) != 1 {
				t.Fatalf("in force: %+v", list)
			}
			got, near := list[0], func(a, b time.Time) bool { return a.Sub(b).Abs() < time.Minute }
			if got.TokenID != test.want.TokenID || got.Subject != test.want.Subject ||
				!near(got.Until, test.want.Until) || !near(got.IssuedBefore, test.want.IssuedBefore) {
				t.Errorf("in force: %+v", got)
			}
			listed, err := f.run(tokenRevokeCommand{List: true}, "")
			if err != nil || !strings.Contains(listed, test.prints) {
				t.Errorf("listed %q, %v", listed, err)
			}
			test.command.Undo, test.command.For, test.command.Until = true, 0, ""
			if _, err := f.run(test.command, test.in); err != nil {
				t.Fatal(err)
			}
			if listed, err := f.run(tokenRevokeCommand{List: true}, ""); err != nil || listed != "Nothing is revoked.\n" {
				t.Errorf("listed %q, %v after it was undone", listed, err)
			}
		})
	}
}

func TestTokenRevokeRefuses(t *testing.T) {
	f := newRevokeFixture(t)
	foreign := *f
	foreign.cfg.Auth.Secret = strings.Repeat("x", 32)
	for _, test := range []struct {
		name    string
		command tokenRevokeCommand
		says    string
	}{
		{"nothing", tokenRevokeCommand{}, "--id"},
		{"two things", tokenRevokeCommand{ID: "1", Sub: "a"}, "one of"},
		{"a date without a subject", tokenRevokeCommand{ID: "1", Before: "now"}, "--before"},
		{"two ends", tokenRevokeCommand{ID: "1", Until: "forever", For: 1}, "--until"},
		{"an end that was", tokenRevokeCommand{ID: "1", For: -1}, "--for"},
		{"an end for an undoing", tokenRevokeCommand{ID: "1", Undo: true, For: 1}, "--for"},
		{"no thing to undo", tokenRevokeCommand{List: true, Undo: true}, "--undo"},
		{"a bad date", tokenRevokeCommand{Sub: "a", Before: "yesterday"}, "--before"},
		{"a bad end", tokenRevokeCommand{Sub: "a", Until: "tomorrow"}, "--until"},
		{"a past end", tokenRevokeCommand{Sub: "a", Until: "2020-01-01T00:00:00Z"}, "ended"},
		{"a token of others", tokenRevokeCommand{Token: foreign.token(map[string]any{"jti": "1"}, time.Hour)}, "invalid signature"},
		{"a token without id", tokenRevokeCommand{Token: checkTokenOf(t, f.cfg.Auth.Secret, nil)}, "--sub"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := f.run(test.command, ""); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v", err)
			}
			if n := f.revocations.Len(); n != 0 {
				t.Errorf("%d are revoked", n)
			}
		})
	}
	printed, err := f.run(tokenRevokeCommand{Token: f.token(map[string]any{"jti": "1"}, -time.Hour)}, "")
	if err != nil || !strings.Contains(printed, "expired") || f.revocations.Len() != 0 {
		t.Errorf("an expired token: %q, %v", printed, err)
	}
}

func TestTokenRevokeNeedsRedis(t *testing.T) {
	t.Setenv("CHORUS_AUTH_SECRET", strings.Repeat("s", 32))
	err := (&tokenRevokeCommand{Sub: "a"}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "CHORUS_CLUSTER_REDIS_URL") {
		t.Errorf("the error is %v", err)
	}
}
