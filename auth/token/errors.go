package token

import "chorus/auth/refusal"

// The refusals of a token; test for them with errors.Is. Their text, and that of the errors that wrap them, never
// contains a part of a token or of a secret.
var (
	// ErrRequired means that there is no token. Code credentials_required.
	ErrRequired = refusal.New(refusal.CodeCredentialsRequired, "no token provided")

	// ErrTooLarge means that the token is longer than Options.MaxTokenBytes. It was not parsed. Code token_too_large.
	ErrTooLarge = refusal.New(refusal.CodeTokenTooLarge, "the token is too large")

	// ErrMalformed means that the token is not a JWS in compact form (RFC 7515 section 7.1) whose header and payload
	// are JSON objects that every parser reads the same way. Code invalid_token.
	ErrMalformed = refusal.New(refusal.CodeInvalidToken, "jwt malformed")

	// ErrAlgorithmRefused means that Options.Algorithms or the keys do not permit the algorithm of the token. Code
	// invalid_token.
	ErrAlgorithmRefused = refusal.New(refusal.CodeInvalidToken, "invalid algorithm")

	// ErrSignatureInvalid means that none of the keys made the signature. Code invalid_token.
	ErrSignatureInvalid = refusal.New(refusal.CodeInvalidToken, "invalid signature")

	// ErrClaimInvalid means that a claim has the wrong type or a value out of range. Code invalid_token.
	ErrClaimInvalid = refusal.New(refusal.CodeInvalidToken, "invalid claim")

	// ErrExpMissing means that the token has no exp and Options.AllowMissingExp is off. Code invalid_token.
	ErrExpMissing = refusal.New(refusal.CodeInvalidToken, "jwt without exp")

	// ErrExpired means that exp has passed (RFC 7519 section 4.1.4). Code token_expired.
	ErrExpired = refusal.New(refusal.CodeTokenExpired, "jwt expired")

	// ErrNotActive means that nbf or iat is in the future. Code token_not_active.
	ErrNotActive = refusal.New(refusal.CodeTokenNotActive, "jwt not active")

	// ErrIssuerInvalid means that iss is not Options.Issuer. Code invalid_issuer.
	ErrIssuerInvalid = refusal.New(refusal.CodeInvalidIssuer, "jwt issuer invalid")

	// ErrAudienceInvalid means that aud names none of Options.Audience. Code invalid_audience.
	ErrAudienceInvalid = refusal.New(refusal.CodeInvalidAudience, "jwt audience invalid")

	// ErrTypeRefused means that the typ of the token is none of Options.Types: the token was made for another purpose
	// (RFC 8725 section 3.11). Code invalid_token.
	ErrTypeRefused = refusal.New(refusal.CodeInvalidToken, "invalid token type")

	// ErrKeyUnknown means that no key has the kid of the token, or none is for its algorithm. Code invalid_token.
	ErrKeyUnknown = refusal.New(refusal.CodeInvalidToken, "no key for this token")

	// ErrKeysUnavailable means that the keys of the issuer are not loaded yet: the token may be good. Code
	// keys_unavailable.
	ErrKeysUnavailable = refusal.New(refusal.CodeKeysUnavailable, "the keys of the issuer are not available")

	// ErrClaimMissing means that one of Options.RequiredClaims is missing. Code missing_claim.
	ErrClaimMissing = refusal.New(refusal.CodeMissingClaim, "a required claim is missing")

	// ErrRevoked means that Options.Revoked knows the token as revoked. Code token_revoked.
	ErrRevoked = refusal.New(refusal.CodeTokenRevoked, "jwt revoked")
)
