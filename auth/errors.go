package auth

import "errors"

// Codes of a refusal, as clients get them; they do not change. CodeOK is not a refusal: it is what
// MiddlewareOptions.Observe gets for a client that was let in.
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

// The reasons for which a client is refused; test for them with errors.Is. Their text, and that of
// the errors that wrap them, never holds a part of a token or of a secret.
var (
	// ErrCredentialsRequired means that the client sent no token. Code credentials_required.
	ErrCredentialsRequired error = &refusal{code: CodeCredentialsRequired, reason: "no token provided"}

	// ErrCredentialsFormat means that there is something where the token is expected, but not one
	// token: a value that is not a string, another authorization scheme, the parameter twice.
	// Code credentials_bad_format.
	ErrCredentialsFormat error = &refusal{code: CodeCredentialsBadFormat, reason: "the token must be one string: [token] or Bearer [token]"}

	// ErrTokenTooLarge means that the token is longer than Options.MaxTokenBytes. It was not
	// looked at. Code token_too_large.
	ErrTokenTooLarge error = &refusal{code: CodeTokenTooLarge, reason: "the token is too large"}

	// ErrTokenMalformed means that the token is not a JWS in compact form (RFC 7515 section 7.1)
	// whose header and payload are JSON objects that can be read in one way only. Code
	// invalid_token.
	ErrTokenMalformed error = &refusal{code: CodeInvalidToken, reason: "jwt malformed"}

	// ErrAlgorithmRefused means that the token's algorithm is none of Options.Algorithms, or none that
	// the keys can do. Code invalid_token.
	ErrAlgorithmRefused error = &refusal{code: CodeInvalidToken, reason: "invalid algorithm"}

	// ErrSignatureInvalid means that none of the keys made the token's signature. Code
	// invalid_token.
	ErrSignatureInvalid error = &refusal{code: CodeInvalidToken, reason: "invalid signature"}

	// ErrClaimInvalid means that a registered claim (RFC 7519 section 4.1) has the wrong type or
	// a value out of range. Code invalid_token.
	ErrClaimInvalid error = &refusal{code: CodeInvalidToken, reason: "invalid claim"}

	// ErrExpMissing means that the token has no exp and Options.AllowMissingExp is off. Code
	// invalid_token.
	ErrExpMissing error = &refusal{code: CodeInvalidToken, reason: "jwt without exp"}

	// ErrTokenExpired means that exp has passed (RFC 7519 section 4.1.4). Code token_expired.
	ErrTokenExpired error = &refusal{code: CodeTokenExpired, reason: "jwt expired"}

	// ErrTokenNotActive means that nbf or iat is still to come. Code token_not_active.
	ErrTokenNotActive error = &refusal{code: CodeTokenNotActive, reason: "jwt not active"}

	// ErrIssuerInvalid means that iss is not Options.Issuer. Code invalid_issuer.
	ErrIssuerInvalid error = &refusal{code: CodeInvalidIssuer, reason: "jwt issuer invalid"}

	// ErrAudienceInvalid means that aud names none of Options.Audience. Code invalid_audience.
	ErrAudienceInvalid error = &refusal{code: CodeInvalidAudience, reason: "jwt audience invalid"}

	// ErrTypeRefused means that the token's typ is none of Options.Types: it was made for another
	// purpose (RFC 8725 section 3.11). Code invalid_token.
	ErrTypeRefused error = &refusal{code: CodeInvalidToken, reason: "invalid token type"}

	// ErrKeyUnknown means that no key is known by the token's kid, or none for its algorithm. Code
	// invalid_token.
	ErrKeyUnknown error = &refusal{code: CodeInvalidToken, reason: "no key for this token"}

	// ErrKeysUnavailable means that the issuer's keys have not been loaded yet: the token may be good.
	// Code keys_unavailable.
	ErrKeysUnavailable error = &refusal{code: CodeKeysUnavailable, reason: "the keys of the issuer are not available"}

	// ErrClaimMissing means that one of Options.RequiredClaims is missing. Code missing_claim.
	ErrClaimMissing error = &refusal{code: CodeMissingClaim, reason: "a required claim is missing"}

	// ErrTokenRevoked means that the token, or its subject, was revoked. Code token_revoked.
	ErrTokenRevoked error = &refusal{code: CodeTokenRevoked, reason: "jwt revoked"}

	// ErrSubjectChanged means that a token for a refresh is of another subject than the one before, or of the
	// same name with another issuer. Code invalid_subject.
	ErrSubjectChanged error = &refusal{code: CodeInvalidSubject, reason: "the token is of another subject"}

	// ErrTooManyConnections means that the subject has as many connections as it may have. Code
	// too_many_connections.
	ErrTooManyConnections error = &refusal{code: CodeTooManyConnections, reason: "too many connections of this subject"}

	// ErrConnectionReplaced means that the subject has opened more connections than it may have, and this
	// was the oldest. Code connection_replaced.
	ErrConnectionReplaced error = &refusal{code: CodeConnectionReplaced, reason: "replaced by a newer connection"}

	// ErrOriginNotAllowed means that the token came in a cookie, from a web page that may not use it. Code
	// origin_not_allowed.
	ErrOriginNotAllowed error = &refusal{code: CodeOriginNotAllowed, reason: "a cookie is not taken from this origin"}

	// ErrForbidden means that the token is good and does not permit what was asked for. Code forbidden.
	ErrForbidden error = &refusal{code: CodeForbidden, reason: "forbidden"}

	// ErrMisconfigured means that the server is not set up for the middleware's mode: a person
	// must act, and the log says how. Code internal_error.
	ErrMisconfigured error = &refusal{code: CodeInternalError, reason: "the server cannot authenticate clients"}
)

// refusal is a reason not to let a client in.
type refusal struct {
	code   string // for programs
	reason string // for people; the texts of the module jsonwebtoken where it has one
	kind   error  // the exported error that it is one of; nil for the exported ones themselves
}

func (r *refusal) Error() string { return "auth: " + r.reason }

func (r *refusal) Unwrap() error { return r.kind }

// because returns a refusal of the same kind and code whose reason says more, also to the client. The detail must
// hold nothing of the token.
func because(kind error, detail string) error {
	r := refusalOf(kind)
	return &refusal{code: r.code, reason: r.reason + ": " + detail, kind: kind}
}

// Refuse returns a refusal of the program's own, which the client gets as it is.
func Refuse(code, reason string) error { return &refusal{code: code, reason: reason} }

// Code returns the stable code of a refusal, empty for nil. Errors that are none of this package's
// refusals have the code invalid_token, so that nothing of theirs reaches a client.
func Code(err error) string {
	if err == nil {
		return ""
	}
	return refusalOf(err).code
}

// Reason returns a refusal in a few words for people, empty for nil. It names a claim that is wrong, and holds
// nothing of the token.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	return refusalOf(err).reason
}

func refusalOf(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return &refusal{code: CodeInvalidToken, reason: "invalid token"}
}
