package auth

import "chorus/auth/refusal"

// The refusals of this package; those of a token are in package token, those of a limit in package limit. Test for
// them with errors.Is.
var (
	// ErrCredentialsFormat means that the place of the token holds something else than one token: a value that is not
	// a string, another authorization scheme, the parameter twice. Code credentials_bad_format.
	ErrCredentialsFormat = refusal.New(refusal.CodeCredentialsBadFormat, "the token must be one string: [token] or Bearer [token]")

	// ErrSubjectChanged means that the token of a refresh has another subject than the token before, or the same
	// subject with another issuer. Code invalid_subject.
	ErrSubjectChanged = refusal.New(refusal.CodeInvalidSubject, "the token is of another subject")

	// ErrOriginNotAllowed means that the token came in a cookie, from a web page that may not use it. Code
	// origin_not_allowed.
	ErrOriginNotAllowed = refusal.New(refusal.CodeOriginNotAllowed, "a cookie is not taken from this origin")

	// ErrForbidden means that the token is good and does not permit the request. Code forbidden.
	ErrForbidden = refusal.New(refusal.CodeForbidden, "forbidden")

	// ErrMisconfigured means that the server is not set up for the mode of the middleware: a person must act, and the
	// log says how. Code internal_error.
	ErrMisconfigured = refusal.New(refusal.CodeInternalError, "the server cannot authenticate clients")
)
