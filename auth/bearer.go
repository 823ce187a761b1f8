package auth

import (
	"encoding/json"
	"net/http"
	"strings"

	"chorus/auth/permission"
	"chorus/auth/refusal"
)

// Error codes of RFC 6750 section 3.1.
const (
	bearerInvalidRequest    = "invalid_request"
	bearerInvalidToken      = "invalid_token"
	bearerInsufficientScope = "insufficient_scope"
)

// retryAfter is how many seconds a client that could not be served waits.
const retryAfter = "5"

// errUndecided means that it cannot be told whether a token is good.
var errUndecided = refusal.New(refusal.CodeInternalError, "the token could not be verified")

// refuseHTTP answers a request that is not let through. The scope is what it would have needed.
func refuseHTTP(w http.ResponseWriter, err error, scope string) {
	code := refusal.Code(err)
	status, body := http.StatusUnauthorized, denied(err)
	switch code {
	case refusal.CodeCredentialsRequired:
		// RFC 6750 section 3.1: no error code for who did not know that a token is needed.
		challenge(w)
	case refusal.CodeCredentialsBadFormat:
		status = http.StatusBadRequest
		challenge(w, "error", bearerInvalidRequest, "error_description", refusal.Reason(err))
	case refusal.CodeForbidden:
		status, body = http.StatusForbidden, Forbidden(permission.API, scope).Answer()
		challenge(w, "error", bearerInsufficientScope, "error_description", refusal.Reason(err), "scope", scope)
	case refusal.CodeOriginNotAllowed:
		status = http.StatusForbidden // another token would not help
	case refusal.CodeKeysUnavailable, refusal.CodeInternalError:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", retryAfter)
	default:
		challenge(w, "error", bearerInvalidToken, "error_description", refusal.Reason(err))
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who has gone does not read it
}

// unquoted keeps out what error_description may not have (RFC 6750 section 3). The name of a claim may have it.
var unquoted = strings.NewReplacer(`"`, "'", `\`, "/", "\n", " ", "\r", " ")

// challenge says how a client authenticates (RFC 6750 section 3), with attributes of names and values.
func challenge(w http.ResponseWriter, attributes ...string) {
	var b strings.Builder
	b.WriteString(`Bearer realm="chorus"`)
	for i := 0; i < len(attributes); i += 2 {
		b.WriteString(", " + attributes[i] + `="` + unquoted.Replace(attributes[i+1]) + `"`)
	}
	w.Header().Set("WWW-Authenticate", b.String())
}

// isScope tells whether a text is empty or a scope-token of RFC 6749 section 3.3.
func isScope(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}
