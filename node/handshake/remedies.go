package handshake

import (
	"chorus/auth/refusal"
	"chorus/auth/token"
)

// Codes of refused handshakes, besides those of package auth.
const (
	refusalOrigin      = refusal.CodeOriginNotAllowed
	RefusalUnknownPath = "unknown_path"
	refusalNamespace   = "unknown_namespace"
	refusalProgram     = "refused_by_program"
	refusalTransport   = "unknown_transport"
	refusalSession     = "unknown_session"
	refusalMethod      = "bad_handshake_method"
	refusalBadRequest  = "bad_request"
	refusalForbidden   = "forbidden_request"
	refusalProtocol    = "unsupported_protocol"
	refusalEIO3        = "engine_io_3"
	refusalTooMany     = "too_many_connections_here"
	RefusalDraining    = "draining"
	refusalHandshakes  = "too_many_handshakes"
)

// engineCodes are our names of the codes of Engine.IO.
var engineCodes = map[int]string{
	0: refusalTransport, 1: refusalSession, 2: refusalMethod, 3: refusalBadRequest, 4: refusalForbidden, 5: refusalProtocol,
}

// tokenCodes are the codes of package auth with which a handshake can be refused.
var tokenCodes = map[string]bool{
	refusal.CodeCredentialsRequired: true, refusal.CodeCredentialsBadFormat: true, refusal.CodeTokenTooLarge: true,
	refusal.CodeInvalidToken: true, refusal.CodeTokenExpired: true, refusal.CodeTokenNotActive: true, refusal.CodeInvalidIssuer: true,
	refusal.CodeInvalidAudience: true, refusal.CodeMissingClaim: true, refusal.CodeTokenRevoked: true, refusal.CodeKeysUnavailable: true,
	refusal.CodeTooManyConnections: true, refusal.CodeOriginNotAllowed: true, refusal.CodeInternalError: true,
}

// remedies say what an operator or the author of a client can do about a refusal, by its code.
var remedies = map[string]string{
	refusalOrigin:      "add the origin to cors.origins",
	RefusalUnknownPath: "set the client's option path to the setting path",
	refusalNamespace:   "the program declares no namespace of this name: correct the client's URL, or declare it",
	refusalProgram:     "a middleware of the program has refused the client",
	refusalTransport:   "the client offers neither polling nor websocket",
	refusalSession:     "the session has ended, or another node owns it: then see forwarding in /readyz, or let the load balancer send all requests of a session to one node (sticky sessions)",
	refusalMethod:      "a handshake is a GET request: is it a client of Socket.IO?",
	refusalBadRequest:  "is it a client of Socket.IO, and does a proxy pass its requests on unchanged, Upgrade header included?",
	refusalProtocol:    "the query parameter EIO must be 4: is it a client of Socket.IO?",
	refusalEIO3:        "the client is of Socket.IO 2.x: update it, or set allow_eio3 to true",
	refusalTooMany:     "raise max_connections or max_connections_per_address, or add nodes",
	RefusalDraining:    "the node ends: another one takes the client",
	refusalHandshakes:  "raise limits.handshakes, and name your load balancers in trusted_proxies",

	refusal.CodeCredentialsRequired:  "the client sends no token: set its option auth to {token}",
	refusal.CodeCredentialsBadFormat: "the client sends something else than one token where the token belongs",
	refusal.CodeTokenTooLarge:        "have the issuer put less into the token, or raise auth.max_token",
	refusal.CodeTokenExpired:         "have the client get a new token before it connects: its option auth may be a function",
	refusal.CodeTokenNotActive:       "set the clocks of the issuer and of this node, or raise auth.leeway",
	refusal.CodeInvalidIssuer:        "compare the iss of the token with auth.issuer",
	refusal.CodeInvalidAudience:      "compare the aud of the token with auth.audience",
	refusal.CodeMissingClaim:         "have the issuer add the claim, or take it off auth.required_claims",
	refusal.CodeTokenRevoked:         "chorus token revoke --list shows the revocation, --undo takes it back",
	refusal.CodeKeysUnavailable:      "see that this node reaches auth.jwks_url",
	refusal.CodeTooManyConnections:   "the subject has as many connections as auth.max_connections allows",
	refusal.CodeInternalError:        "an earlier error in this log says what is wrong",
}

// reasonRemedies are the remedies of refusals whose code, invalid_token, has several reasons.
var reasonRemedies = map[string]string{
	refusal.Reason(token.ErrSignatureInvalid): "the token was signed with another secret or key: compare auth.secret or auth.public_keys with those of the issuer",
	refusal.Reason(token.ErrMalformed):        "it is no JSON Web Token, or was cut on its way",
	refusal.Reason(token.ErrAlgorithmRefused): "the keys of this node, or auth.algorithms, do not allow the token's alg",
	refusal.Reason(token.ErrKeyUnknown):       "the token's kid names no key of this node: compare with auth.jwks_url or auth.public_keys",
	refusal.Reason(token.ErrTypeRefused):      "the token's typ is of another purpose: see auth.types",
	refusal.Reason(token.ErrExpMissing):       "have the issuer set exp, or set auth.require_exp to false",
	refusal.Reason(token.ErrClaimInvalid):     "have the issuer correct the claim: chorus token check names it",
}
