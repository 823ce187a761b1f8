package rest

import (
	"chorus/auth/refusal"
	"chorus/chat"
)

// CodeMeaning describes a code of problems.
type CodeMeaning struct {
	Code    string
	Status  int
	Meaning string
}

// Codes returns the codes of problems. An authorise hook may give others.
func Codes() []CodeMeaning {
	return []CodeMeaning{
		{chat.CodeBadRequest, 400, "The body is not JSON in UTF-8 that can be read in one way only, or the path or the query is not percent-encoded UTF-8."},
		{refusal.CodeCredentialsBadFormat, 400, "There are several Authorization headers."},
		{refusal.CodeCredentialsRequired, 401, "There is no API key and no token: send Authorization: Bearer KEY."},
		{refusal.CodeInvalidToken, 401, "There is no such key, it has ended, or the token is not good. Tokens have further codes: see docs/tokens.md."},
		{refusal.CodeForbidden, 403, "The key or token does not have the scope of the operation."},
		{CodeNotFound, 404, "There is no such path, or no such message."},
		{chat.CodeNoHistory, 404, "The room keeps no history."},
		{codeMethodNotAllowed, 405, "The path has other methods, which Allow names."},
		{codeRequestTimeout, 408, "The body did not come in time."},
		{chat.CodeConflict, 409, "The same id was used for something else, another version is in force, or a request with the same Idempotency-Key is under way."},
		{chat.CodeLimitReached, 409, "The cluster holds as much of this as it may."},
		{chat.CodeTooLarge, 413, "The body or the value is too large; limit says how many bytes there may be."},
		{codeUnsupportedMedia, 415, "The body is not application/json, or is compressed."},
		{CodeInvalidValue, 422, "The body or a parameter is not as the document says; errors names each place."},
		{codeKeyReused, 422, "The Idempotency-Key is that of another request."},
		{codeSkipped, 424, "The operation stands behind the first failure of an ordered batch, and was not tried."},
		{chat.CodeRateLimited, 429, "Too many requests; Retry-After says when to try again."},
		{chat.CodeInternal, 500, "A fault of the server; the log has the request id."},
		{chat.CodeClusterUnavailable, 503, "Redis does not answer: try again later."},
		{chat.CodeOverloaded, 503, "Too much waits for Redis: try again later."},
		{refusal.CodeKeysUnavailable, 503, "The keys of the issuer have not been loaded yet."},
	}
}
