package revocation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chorus/auth/refusal"
	"chorus/auth/revocation"
	"chorus/auth/token"
)

// claimsOf makes claims as a verifier does.
func claimsOf(t *testing.T, set map[string]any) *token.Claims {
	t.Helper()
	const secret = "0123456789abcdef0123456789abcdef"
	v, err := token.NewVerifier(token.Options{Secrets: []string{secret}, AllowMissingExp: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := token.Sign(secret, "", set)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := v.Verify(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// isRevoked reports whether a node refuses a token.
func isRevoked(r *revocation.Set, claims *token.Claims) bool { return r.Revoked(claims) }

func revoke(t *testing.T, r *revocation.Set, what revocation.Revocation) {
	t.Helper()
	if err := r.Revoke(t.Context(), what); err != nil {
		t.Fatal(err)
	}
}

func undo(t *testing.T, r *revocation.Set, what revocation.Revocation) {
	t.Helper()
	if err := r.Undo(t.Context(), what); err != nil {
		t.Fatal(err)
	}
}

func TestRevocationKinds(t *testing.T) {
	cut := time.Unix(1_000_000, 0)
	set := func(members ...any) map[string]any {
		claims := map[string]any{}
		for i := 0; i < len(members); i += 2 {
			claims[members[i].(string)] = members[i+1]
		}
		return claims
	}
	for _, test := range []struct {
		name   string
		what   revocation.Revocation
		claims map[string]any
		want   bool
	}{
		{"the id", revocation.Revocation{TokenID: "a"}, set("jti", "a", "sub", "s"), true},
		{"another id", revocation.Revocation{TokenID: "a"}, set("jti", "b", "sub", "s"), false},
		{"the id in another case", revocation.Revocation{TokenID: "a"}, set("jti", "A"), false},
		{"no id", revocation.Revocation{TokenID: "a"}, set("sub", "a"), false},
		{"an id with a colon", revocation.Revocation{TokenID: "sub:a"}, set("jti", "sub:a"), true},
		{"an id like a subject", revocation.Revocation{TokenID: "sub:a"}, set("sub", "a"), false},
		{"the subject", revocation.Revocation{Subject: "a"}, set("sub", "a"), true},
		{"the subject, with an id", revocation.Revocation{Subject: "a"}, set("sub", "a", "jti", "x"), true},
		{"another subject", revocation.Revocation{Subject: "a"}, set("sub", "ab"), false},
		{"no subject", revocation.Revocation{Subject: "a"}, set("jti", "a"), false},
		{"issued before", revocation.Revocation{Subject: "a", IssuedBefore: cut}, set("sub", "a", "iat", 999_999), true},
		{"issued then", revocation.Revocation{Subject: "a", IssuedBefore: cut}, set("sub", "a", "iat", 1_000_000), false},
		{"issued in the same second", revocation.Revocation{Subject: "a", IssuedBefore: cut.Add(1)}, set("sub", "a", "iat", 1_000_000), true},
		{"issued after", revocation.Revocation{Subject: "a", IssuedBefore: cut}, set("sub", "a", "iat", 1_000_001), false},
		{"issued at a fraction", revocation.Revocation{Subject: "a", IssuedBefore: cut}, set("sub", "a", "iat", 999_999.5), true},
		{"no date of issue", revocation.Revocation{Subject: "a", IssuedBefore: cut}, set("sub", "a"), true},
		{"issued before, another subject", revocation.Revocation{Subject: "a", IssuedBefore: cut}, set("sub", "b", "iat", 1), false},
		{"an empty subject", revocation.Revocation{Subject: "a"}, set("sub", ""), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := revocation.New(revocation.Options{})
			claims := claimsOf(t, test.claims)
			if isRevoked(r, claims) {
				t.Error("revoked before anything was said")
			}
			revoke(t, r, test.what)
			if got := isRevoked(r, claims); got != test.want {
				t.Errorf("revoked: %t, want %t", got, test.want)
			}
			undo(t, r, test.what)
			if isRevoked(r, claims) {
				t.Error("still revoked after it was undone")
			}
		})
	}
}

func TestRevocationOfVerifiedToken(t *testing.T) {
	r := revocation.New(revocation.Options{})
	v, err := token.NewVerifier(token.Options{Secrets: []string{strings.Repeat("s", 32)}, Revoked: r.Revoked})
	if err != nil {
		t.Fatal(err)
	}
	text, err := token.Sign(strings.Repeat("s", 32), "", map[string]any{"jti": "1", "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	revoke(t, r, revocation.Revocation{TokenID: "1"})
	if _, err := v.Verify(t.Context(), text); refusal.Code(err) != refusal.CodeTokenRevoked {
		t.Errorf("verified after it was revoked: %v", err)
	}
}

func TestRevocationRefused(t *testing.T) {
	for name, what := range map[string]revocation.Revocation{
		"nothing":              {},
		"only a date":          {IssuedBefore: time.Now()},
		"both":                 {TokenID: "a", Subject: "b"},
		"a date for an id":     {TokenID: "a", IssuedBefore: time.Now()},
		"a long id":            {TokenID: strings.Repeat("a", 1025)},
		"a long subject":       {Subject: strings.Repeat("a", 1025)},
		"not UTF-8":            {Subject: "\xff"},
		"ended":                {Subject: "a", Until: time.Now().Add(-time.Second)},
		"issued before 1970":   {Subject: "a", IssuedBefore: time.Unix(-1, 0)},
		"issued in year 10000": {Subject: "a", IssuedBefore: revocation.Forever.Add(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			r := revocation.New(revocation.Options{})
			if err := r.Revoke(t.Context(), what); !errors.Is(err, revocation.ErrInvalid) {
				t.Errorf("the error is %v", err)
			}
			if r.Len() != 0 {
				t.Error("something was revoked")
			}
		})
	}
}

func TestRevocationAgainIsNeverWeaker(t *testing.T) {
	r := revocation.New(revocation.Options{})
	early, late := time.Unix(1000, 0).UTC(), time.Unix(2000, 0).UTC()
	revoke(t, r, revocation.Revocation{Subject: "a", IssuedBefore: late, Until: revocation.Forever})
	revoke(t, r, revocation.Revocation{Subject: "a", IssuedBefore: early, Until: time.Now().Add(time.Hour)})
	list := r.List()
	if len(list) != 1 || !list[0].IssuedBefore.Equal(late) || !list[0].Until.Equal(revocation.Forever) {
		t.Errorf("in force: %+v", list)
	}
	undo(t, r, revocation.Revocation{Subject: "a", IssuedBefore: time.Now()})
	revoke(t, r, revocation.Revocation{Subject: "a", IssuedBefore: early})
	if list := r.List(); len(list) != 1 || !list[0].IssuedBefore.Equal(early) {
		t.Errorf("in force after it was undone and said again: %+v", list)
	}
}

func TestRevocationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := revocation.New(revocation.Options{})
		ban, cut, always := claimsOf(t, map[string]any{"sub": "a"}), claimsOf(t, map[string]any{"sub": "b"}), claimsOf(t, map[string]any{"jti": "c"})
		revoke(t, r, revocation.Revocation{Subject: "a", Until: time.Now().Add(time.Minute)})
		revoke(t, r, revocation.Revocation{Subject: "b", IssuedBefore: time.Now()})
		revoke(t, r, revocation.Revocation{TokenID: "c", Until: revocation.Forever})
		for _, step := range []struct {
			after            time.Duration
			ban, cut, always bool
			inForce          int
		}{
			{0, true, true, true, 3},
			{time.Minute - time.Millisecond, true, true, true, 3},
			{time.Millisecond, false, true, true, 2},
			{revocation.DefaultKeep, false, false, true, 1},
		} {
			time.Sleep(step.after)
			if isRevoked(r, ban) != step.ban || isRevoked(r, cut) != step.cut || isRevoked(r, always) != step.always || r.Len() != step.inForce {
				t.Errorf("%s later: %t %t %t, %d in force", step.after, isRevoked(r, ban), isRevoked(r, cut), isRevoked(r, always), r.Len())
			}
		}
		for range 3000 { // what has ended does not stay
			revoke(t, r, revocation.Revocation{TokenID: time.Now().String(), Until: time.Now().Add(time.Millisecond)})
			time.Sleep(time.Millisecond)
		}
		if n := revocation.Tombstones(r); n > 1100 {
			t.Errorf("%d entries are kept", n)
		}
	})
}

func TestRevocationWatch(t *testing.T) {
	r := revocation.New(revocation.Options{})
	mine, other := claimsOf(t, map[string]any{"sub": "a"}), claimsOf(t, map[string]any{"sub": "b"})
	calls := 0
	stop := r.Watch(func(affected func(*token.Claims) bool) {
		calls++
		if !affected(mine) || affected(other) {
			t.Error("the wrong sockets are affected")
		}
	})
	revoke(t, r, revocation.Revocation{Subject: "a"})
	undo(t, r, revocation.Revocation{Subject: "a"})
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
	stop()
	revoke(t, r, revocation.Revocation{Subject: "a"})
	if calls != 1 {
		t.Error("called after it was stopped")
	}
}

func TestRevocationsNil(t *testing.T) {
	var r *revocation.Set
	claims := claimsOf(t, map[string]any{"sub": "a"})
	r.Watch(func(func(*token.Claims) bool) {})()
	if isRevoked(r, claims) || r.Ready() != nil || r.Wait(t.Context()) != nil || r.Close(context.Background()) != nil || r.Len() != 0 || r.List() != nil {
		t.Error("nil knows something")
	}
}
