// Package refusal says why a client is refused: a code for programs that does not change, and a few words for people.
//
// Packages that refuse clients export their refusals as errors, made by [New]. Everything that wraps such an error is
// told to the client with its code and its reason, and with nothing else of the error.
package refusal

import "errors"

// The codes, as clients get them. They do not change. CodeOK is not a refusal: observers get it for a client that was
// accepted.
const (
	CodeOK                   = "ok"
	CodeCredentialsRequired  = "credentials_required"
	CodeCredentialsBadFormat = "credentials_bad_format"
	CodeInvalidToken         = "invalid_token"
	CodeTokenExpired         = "token_expired"
	CodeTokenNotActive       = "token_not_active"
	CodeTokenTooLarge        = "token_too_large"
	CodeInvalidIssuer        = "invalid_issuer"
	CodeInvalidAudience      = "invalid_audience"
	CodeMissingClaim         = "missing_claim"
	CodeTokenRevoked         = "token_revoked"
	CodeInvalidSubject       = "invalid_subject"
	CodeKeysUnavailable      = "keys_unavailable"
	CodeTooManyConnections   = "too_many_connections"
	CodeConnectionReplaced   = "connection_replaced"
	CodeOriginNotAllowed     = "origin_not_allowed"
	CodeForbidden            = "forbidden"
	CodeInternalError        = "internal_error"
)

// refusal is a reason to refuse a client.
type refusal struct {
	code   string
	reason string // for people; the texts of the module jsonwebtoken where it has one
	kind   error  // the refusal that it is one of; nil for those of New
}

func (r *refusal) Error() string { return "auth: " + r.reason }

func (r *refusal) Unwrap() error { return r.kind }

// unknown stands for all errors that are no refusals, so that nothing of theirs reaches a client.
var unknown = &refusal{code: CodeInvalidToken, reason: "invalid token"}

// New returns a refusal, which the client gets as it is.
func New(code, reason string) error { return &refusal{code: code, reason: reason} }

// Because returns a refusal of the same kind and code whose reason says more, also to the client. The detail must
// contain nothing of the token.
func Because(kind error, detail string) error {
	r := of(kind)
	return &refusal{code: r.code, reason: r.reason + ": " + detail, kind: kind}
}

// Is reports whether an error is a refusal or wraps one.
func Is(err error) bool { return errors.As(err, new(*refusal)) }

// Code returns the code of a refusal, empty for nil. Other errors have the code invalid_token.
func Code(err error) string {
	if err == nil {
		return ""
	}
	return of(err).code
}

// Reason returns a refusal in a few words for people, empty for nil. It may name a claim that is wrong, and contains
// nothing of the token.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	return of(err).reason
}

func of(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return unknown
}
