package auth_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"chorus/auth"
)

// TestDocsAgree compares the tables of docs/tokens.md with the code.
func TestDocsAgree(t *testing.T) {
	text, err := os.ReadFile("../docs/tokens.md")
	if err != nil {
		t.Fatal(err)
	}
	verified, err := newVerifier(t, nil).Verify(t.Context(), sign(t, secret, goodClaims("ada")))
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range auth.Actions() {
		_, source := verified.Patterns(action)
		row := fmt.Sprintf("| `%s` | `%s` |", action, strings.TrimPrefix(source, "auth.defaults."))
		if !strings.Contains(string(text), row) {
			t.Errorf("no row %s", row)
		}
	}
	for _, code := range []string{
		auth.CodeCredentialsRequired, auth.CodeCredentialsBadFormat, auth.CodeInvalidToken, auth.CodeTokenExpired, auth.CodeTokenNotActive,
		auth.CodeTokenTooLarge, auth.CodeInvalidIssuer, auth.CodeInvalidAudience, auth.CodeMissingClaim, auth.CodeTokenRevoked,
		auth.CodeInvalidSubject, auth.CodeKeysUnavailable, auth.CodeTooManyConnections, auth.CodeConnectionReplaced,
		auth.CodeOriginNotAllowed, auth.CodeForbidden, auth.CodeInternalError,
	} {
		if !strings.Contains(string(text), "`"+code+"`") {
			t.Errorf("no code %s", code)
		}
	}
}
