package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/auth/token"
)

// claimsOf makes claims as a verifier does.
func claimsOf(t *testing.T, set map[string]any) *auth.Claims {
	t.Helper()
	v := newVerifier(t, func(o *auth.Options) { o.AllowMissingExp = true })
	claims, err := v.Verify(t.Context(), sign(t, secret, set))
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// isRevoked reports whether a node refuses a token.
func isRevoked(r *auth.Revocations, claims *auth.Claims) bool { return r.Revoked(claims) }

func revoke(t *testing.T, r *auth.Revocations, revocation auth.Revocation) {
	t.Helper()
	if err := r.Revoke(t.Context(), revocation); err != nil {
		t.Fatal(err)
	}
}

func undo(t *testing.T, r *auth.Revocations, revocation auth.Revocation) {
	t.Helper()
	if err := r.Undo(t.Context(), revocation); err != nil {
		t.Fatal(err)
	}
}

func TestRevocationKinds(t *testing.T) {
	cut := time.Unix(1_000_000, 0)
	token := func(members ...any) map[string]any {
		set := map[string]any{}
		for i := 0; i < len(members); i += 2 {
			set[members[i].(string)] = members[i+1]
		}
		return set
	}
	for _, test := range []struct {
		name       string
		revocation auth.Revocation
		claims     map[string]any
		want       bool
	}{
		{"the id", auth.Revocation{TokenID: "a"}, token("jti", "a", "sub", "s"), true},
		{"another id", auth.Revocation{TokenID: "a"}, token("jti", "b", "sub", "s"), false},
		{"the id in another case", auth.Revocation{TokenID: "a"}, token("jti", "A"), false},
		{"no id", auth.Revocation{TokenID: "a"}, token("sub", "a"), false},
		{"an id with a colon", auth.Revocation{TokenID: "sub:a"}, token("jti", "sub:a"), true},
		{"an id like a subject", auth.Revocation{TokenID: "sub:a"}, token("sub", "a"), false},
		{"the subject", auth.Revocation{Subject: "a"}, token("sub", "a"), true},
		{"the subject, with an id", auth.Revocation{Subject: "a"}, token("sub", "a", "jti", "x"), true},
		{"another subject", auth.Revocation{Subject: "a"}, token("sub", "ab"), false},
		{"no subject", auth.Revocation{Subject: "a"}, token("jti", "a"), false},
		{"issued before", auth.Revocation{Subject: "a", IssuedBefore: cut}, token("sub", "a", "iat", 999_999), true},
		{"issued then", auth.Revocation{Subject: "a", IssuedBefore: cut}, token("sub", "a", "iat", 1_000_000), false},
		{"issued in the same second", auth.Revocation{Subject: "a", IssuedBefore: cut.Add(1)}, token("sub", "a", "iat", 1_000_000), true},
		{"issued after", auth.Revocation{Subject: "a", IssuedBefore: cut}, token("sub", "a", "iat", 1_000_001), false},
		{"issued at a fraction", auth.Revocation{Subject: "a", IssuedBefore: cut}, token("sub", "a", "iat", 999_999.5), true},
		{"no date of issue", auth.Revocation{Subject: "a", IssuedBefore: cut}, token("sub", "a"), true},
		{"issued before, another subject", auth.Revocation{Subject: "a", IssuedBefore: cut}, token("sub", "b", "iat", 1), false},
		{"an empty subject", auth.Revocation{Subject: "a"}, token("sub", ""), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := auth.NewRevocations()
			claims := claimsOf(t, test.claims)
			if isRevoked(r, claims) {
				t.Error("revoked before anything was said")
			}
			revoke(t, r, test.revocation)
			if got := isRevoked(r, claims); got != test.want {
				t.Errorf("revoked: %t, want %t", got, test.want)
			}
			undo(t, r, test.revocation)
			if isRevoked(r, claims) {
				t.Error("still revoked after it was undone")
			}
		})
	}
}

func TestRevocationOfVerifiedToken(t *testing.T) {
	r := auth.NewRevocations()
	v, err := auth.NewVerifier(auth.Options{Secrets: []string{strings.Repeat("s", 32)}, Revoked: r.Revoked})
	if err != nil {
		t.Fatal(err)
	}
	token, err := token.Sign(strings.Repeat("s", 32), "", map[string]any{"jti": "1", "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	revoke(t, r, auth.Revocation{TokenID: "1"})
	if _, err := v.Verify(t.Context(), token); refusal.Code(err) != refusal.CodeTokenRevoked {
		t.Errorf("verified after it was revoked: %v", err)
	}
}

func TestRevocationRefused(t *testing.T) {
	for name, revocation := range map[string]auth.Revocation{
		"nothing":              {},
		"only a date":          {IssuedBefore: time.Now()},
		"both":                 {TokenID: "a", Subject: "b"},
		"a date for an id":     {TokenID: "a", IssuedBefore: time.Now()},
		"a long id":            {TokenID: strings.Repeat("a", 1025)},
		"a long subject":       {Subject: strings.Repeat("a", 1025)},
		"not UTF-8":            {Subject: "\xff"},
		"ended":                {Subject: "a", Until: time.Now().Add(-time.Second)},
		"issued before 1970":   {Subject: "a", IssuedBefore: time.Unix(-1, 0)},
		"issued in year 10000": {Subject: "a", IssuedBefore: auth.Forever.Add(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			r := auth.NewRevocations()
			if err := r.Revoke(t.Context(), revocation); !errors.Is(err, auth.ErrBadRevocation) {
				t.Errorf("the error is %v", err)
			}
			if r.Len() != 0 {
				t.Error("something was revoked")
			}
		})
	}
}

func TestRevocationAgainIsNeverWeaker(t *testing.T) {
	r := auth.NewRevocations()
	early, late := time.Unix(1000, 0).UTC(), time.Unix(2000, 0).UTC()
	revoke(t, r, auth.Revocation{Subject: "a", IssuedBefore: late, Until: auth.Forever})
	revoke(t, r, auth.Revocation{Subject: "a", IssuedBefore: early, Until: time.Now().Add(time.Hour)})
	list := r.List()
	if len(list) != 1 || !list[0].IssuedBefore.Equal(late) || !list[0].Until.Equal(auth.Forever) {
		t.Errorf("in force: %+v", list)
	}
	undo(t, r, auth.Revocation{Subject: "a", IssuedBefore: time.Now()})
	revoke(t, r, auth.Revocation{Subject: "a", IssuedBefore: early})
	if list := r.List(); len(list) != 1 || !list[0].IssuedBefore.Equal(early) {
		t.Errorf("in force after it was undone and said again: %+v", list)
	}
}

func TestRevocationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := auth.NewRevocations()
		ban, cut, always := claimsOf(t, map[string]any{"sub": "a"}), claimsOf(t, map[string]any{"sub": "b"}), claimsOf(t, map[string]any{"jti": "c"})
		revoke(t, r, auth.Revocation{Subject: "a", Until: time.Now().Add(time.Minute)})
		revoke(t, r, auth.Revocation{Subject: "b", IssuedBefore: time.Now()})
		revoke(t, r, auth.Revocation{TokenID: "c", Until: auth.Forever})
		for _, step := range []struct {
			after            time.Duration
			ban, cut, always bool
			inForce          int
		}{
			{0, true, true, true, 3},
			{time.Minute - time.Millisecond, true, true, true, 3},
			{time.Millisecond, false, true, true, 2},
			{auth.DefaultRevocationKeep, false, false, true, 1},
		} {
			time.Sleep(step.after)
			if isRevoked(r, ban) != step.ban || isRevoked(r, cut) != step.cut || isRevoked(r, always) != step.always || r.Len() != step.inForce {
				t.Errorf("%s later: %t %t %t, %d in force", step.after, isRevoked(r, ban), isRevoked(r, cut), isRevoked(r, always), r.Len())
			}
		}
		for range 3000 { // what has ended does not stay
			revoke(t, r, auth.Revocation{TokenID: time.Now().String(), Until: time.Now().Add(time.Millisecond)})
			time.Sleep(time.Millisecond)
		}
		if n := auth.Tombstones(r); n > 1100 {
			t.Errorf("%d entries are kept", n)
		}
	})
}

func TestRevocationWatch(t *testing.T) {
	r := auth.NewRevocations()
	mine, other := claimsOf(t, map[string]any{"sub": "a"}), claimsOf(t, map[string]any{"sub": "b"})
	calls := 0
	stop := auth.Watch(r, func(affected func(*auth.Claims) bool) {
		calls++
		if !affected(mine) || affected(other) {
			t.Error("the wrong sockets are affected")
		}
	})
	revoke(t, r, auth.Revocation{Subject: "a"})
	undo(t, r, auth.Revocation{Subject: "a"})
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
	stop()
	revoke(t, r, auth.Revocation{Subject: "a"})
	if calls != 1 {
		t.Error("called after it was stopped")
	}
}

func TestRevocationsNil(t *testing.T) {
	var r *auth.Revocations
	claims := claimsOf(t, map[string]any{"sub": "a"})
	auth.Watch(r, func(func(*auth.Claims) bool) {})()
	if isRevoked(r, claims) || r.Ready() != nil || r.Wait(t.Context()) != nil || r.Close(context.Background()) != nil || r.Len() != 0 || r.List() != nil {
		t.Error("nil knows something")
	}
}
