package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
)

// identity is who a request comes from.
type identity struct {
	Name   string   // of the key; "token:SUB" for a token
	Scopes []string // of a key
	Claims *auth.Claims
}

// May reports whether the key or token permits a scope.
func (i *identity) May(scope string) bool {
	switch {
	case i == nil:
		return false
	case i.Claims != nil:
		return i.Claims.Decide(permission.API, scope).Allowed
	}
	return slices.ContainsFunc(permission.ScopesFor(scope), func(s string) bool { return slices.Contains(i.Scopes, s) })
}

// isAnything reports whether a token permits any scope at all: those of users of the chat do not, and are refused.
func (i *identity) isAnything() bool {
	if i.Claims == nil {
		return true
	}
	patterns, _ := i.Claims.Patterns(permission.API)
	return len(patterns) > 0
}

// maxCredentials bounds the header Authorization.
const maxCredentials = 16 << 10

// Authenticate returns who a request comes from.
func (a *API) Authenticate(r *http.Request) (*identity, *Problem) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return nil, unauthorized(http.StatusBadRequest, refusal.CodeCredentialsBadFormat, "there are several Authorization headers", "invalid_request")
	}
	scheme, credentials, _ := strings.Cut(strings.Join(values, ""), " ")
	credentials = strings.TrimSpace(credentials)
	if !strings.EqualFold(scheme, "Bearer") || credentials == "" {
		return nil, unauthorized(http.StatusUnauthorized, refusal.CodeCredentialsRequired, "send an API key or a token: Authorization: Bearer KEY", "")
	}
	if len(credentials) > maxCredentials {
		return nil, unauthorized(http.StatusUnauthorized, refusal.CodeTokenTooLarge, "the key or token is too large", "invalid_token")
	}
	if strings.HasPrefix(credentials, keyPrefix) {
		key := a.keys.Load().find(credentials, time.Now())
		if key == nil {
			return nil, unauthorized(http.StatusUnauthorized, refusal.CodeInvalidToken, "there is no such API key, or it has ended", "invalid_token")
		}
		return &identity{Name: key.Name, Scopes: key.Scopes}, nil
	}
	if strings.Count(credentials, ".") < 2 {
		return nil, unauthorized(http.StatusUnauthorized, refusal.CodeInvalidToken, "this is neither an API key, which begins with "+keyPrefix+", nor a token", "invalid_token")
	}
	return a.verify(r.Context(), credentials)
}

// verify returns the identity of a token.
func (a *API) verify(ctx context.Context, token string) (*identity, *Problem) {
	if a.opts.Verifier == nil {
		return nil, unauthorized(http.StatusUnauthorized, refusal.CodeInvalidToken, "this is not an API key, and this node has no keys to verify tokens with", "invalid_token")
	}
	claims, err := a.opts.Verifier.Verify(ctx, token)
	switch code := refusal.Code(err); {
	case err == nil:
		return &identity{Name: "token:" + claims.Subject(), Claims: claims}, nil
	case code == refusal.CodeKeysUnavailable, code == refusal.CodeInternalError, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p := NewProblem(http.StatusServiceUnavailable, refusal.CodeKeysUnavailable, "nobody knows at this moment whether the token is good")
		p.headers.Set("Retry-After", "5")
		return nil, p
	default:
		return nil, unauthorized(http.StatusUnauthorized, code, refusal.Reason(err), "invalid_token")
	}
}

// challengeText keeps out what an attribute of WWW-Authenticate may not have.
var challengeText = strings.NewReplacer(`"`, "'", `\`, "/", "\n", " ", "\r", " ")

// unauthorized is the problem of a request without good credentials (RFC 6750 section 3).
func unauthorized(status int, code, detail, bearerError string) *Problem {
	p := NewProblem(status, code, detail)
	challenge := `Bearer realm="chorus"`
	if bearerError != "" {
		challenge += `, error="` + bearerError + `", error_description="` + challengeText.Replace(detail) + `"`
	}
	p.headers.Set("WWW-Authenticate", challenge)
	return p
}

// Forbidden is the problem of a key or token without the scope.
func Forbidden(scope string) *Problem {
	p := NewProblem(http.StatusForbidden, refusal.CodeForbidden, "the key or token does not have the scope "+scope)
	p.headers.Set("WWW-Authenticate", `Bearer realm="chorus", error="insufficient_scope", scope="`+scope+`"`)
	return p
}
