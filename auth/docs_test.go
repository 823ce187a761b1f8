package auth_test

import (
	"os"
	"strings"
	"testing"

	"chorus/auth"
)

// TestDocsAgree compares the table of codes in docs/tokens.md with the code.
func TestDocsAgree(t *testing.T) {
	text, err := os.ReadFile("../docs/tokens.md")
	if err != nil {
		t.Fatal(err)
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
