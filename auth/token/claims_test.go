package token_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	tokens "chorus/auth/token"
)

// The token of RFC 7515 appendix A.1, with its key.
const (
	rfc7515Key   = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	rfc7515Token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" +
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
		".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

func TestTokenOfRFC7515(t *testing.T) {
	t.Parallel()
	key, err := decodeB64(rfc7515Key)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, func(o *tokens.Options) { o.Secrets, o.Issuer = []string{key}, "joe" })
	tokens.SetNow(v, func() time.Time { return time.Unix(1300819379, 0) })

	claims, err := v.Verify(t.Context(), rfc7515Token)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Issuer() != "joe" || claims.ExpiresAt().Unix() != 1300819380 {
		t.Errorf("got iss %q, exp %v", claims.Issuer(), claims.ExpiresAt())
	}
	if root, ok := claims.Get("http://example.com/is_root"); !ok || root != true {
		t.Errorf("got is_root %v, %v", root, ok)
	}
}

// The token that jwt.io shows, made by the Node.js module jsonwebtoken.
func TestTokenOfJSONWebToken(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, func(o *tokens.Options) {
		o.Secrets, o.AllowShortSecrets, o.AllowMissingExp = []string{"your-256-bit-secret"}, true, true
	})
	claims, err := v.Verify(t.Context(), "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"+
		".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"+
		".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c")
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject() != "1234567890" || !claims.ExpiresAt().IsZero() || claims.IssuedAt().Unix() != 1516239022 {
		t.Errorf("got sub %q, exp %v, iat %v", claims.Subject(), claims.ExpiresAt(), claims.IssuedAt())
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	const payload = `{"iss":"us","sub":"ada","aud":"chat","jti":"7","exp":1700000060.5,"nbf":1699999990,"iat":1699999980,` +
		`"big":12345678901234567890123,"roles":["admin",{"of":"x"}],"text":"<&>\u00e9"}`
	claims, err := newVerifierAt(t, nil).Verify(t.Context(), craft(secret, hs256, payload))
	if err != nil {
		t.Fatal(err)
	}
	if claims.Issuer() != "us" || claims.Subject() != "ada" || claims.ID() != "7" || !slices.Equal(claims.Audience(), []string{"chat"}) {
		t.Errorf("got iss %q, sub %q, jti %q, aud %q", claims.Issuer(), claims.Subject(), claims.ID(), claims.Audience())
	}
	if got := claims.ExpiresAt(); !got.Equal(time.Unix(1700000060, 500_000_000)) {
		t.Errorf("got exp %v", got)
	}
	if claims.NotBefore().Unix() != 1699999990 || claims.IssuedAt().Unix() != 1699999980 {
		t.Errorf("got nbf %v, iat %v", claims.NotBefore(), claims.IssuedAt())
	}
	if big, _ := claims.Get("big"); big != json.Number("12345678901234567890123") {
		t.Errorf("got big %v", big)
	}
	if _, ok := claims.Get("none"); ok {
		t.Error("a claim that is not there was found")
	}
	if raw, err := claims.MarshalJSON(); err != nil || string(raw) != payload {
		t.Errorf("got %s, %v", raw, err)
	}
}

func TestClaimsCannotBeChanged(t *testing.T) {
	t.Parallel()
	claims, err := newVerifierAt(t, nil).Verify(t.Context(), craft(secret, hs256, `{`+soon+`,"aud":["a"],"o":{"l":[1]}}`))
	if err != nil {
		t.Fatal(err)
	}
	claims.Audience()[0] = "b"
	object, _ := claims.Get("o")
	object.(map[string]any)["l"].([]any)[0] = "changed"
	raw, _ := claims.MarshalJSON()
	clear(raw)

	if claims.Audience()[0] != "a" {
		t.Error("aud changed")
	}
	object, _ = claims.Get("o")
	if object.(map[string]any)["l"].([]any)[0] != json.Number("1") {
		t.Error("a nested claim changed")
	}
	if again, _ := claims.MarshalJSON(); again[0] != '{' {
		t.Error("the JSON text changed")
	}
}
