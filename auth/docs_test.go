package auth_test

import (
	"chorus/auth/refusal"
	"os"
	"strings"
	"testing"
)

// TestDocsAgree compares the table of codes in docs/tokens.md with the code.
func TestDocsAgree(t *testing.T) {
	text, err := os.ReadFile("../docs/tokens.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{
		refusal.CodeCredentialsRequired, refusal.CodeCredentialsBadFormat, refusal.CodeInvalidToken, refusal.CodeTokenExpired, refusal.CodeTokenNotActive,
		refusal.CodeTokenTooLarge, refusal.CodeInvalidIssuer, refusal.CodeInvalidAudience, refusal.CodeMissingClaim, refusal.CodeTokenRevoked,
		refusal.CodeInvalidSubject, refusal.CodeKeysUnavailable, refusal.CodeTooManyConnections, refusal.CodeConnectionReplaced,
		refusal.CodeOriginNotAllowed, refusal.CodeForbidden, refusal.CodeInternalError,
	} {
		if !strings.Contains(string(text), "`"+code+"`") {
			t.Errorf("no code %s", code)
		}
	}
}
