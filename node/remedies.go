package node

import "chorus/auth"

// Codes of refused handshakes, besides those of package auth.
const (
	refusalOrigin      = auth.CodeOriginNotAllowed
	refusalUnknownPath = "unknown_path"
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
	refusalDraining    = "draining"
	refusalHandshakes  = "too_many_handshakes"
)

// engineCodes are our names of the codes of Engine.IO.
var engineCodes = map[int]string{
	0: refusalTransport, 1: refusalSession, 2: refusalMethod, 3: refusalBadRequest, 4: refusalForbidden, 5: refusalProtocol,
}

// tokenCodes are the codes of package auth with which a handshake can be refused.
var tokenCodes = map[string]bool{
	auth.CodeCredentialsRequired: true, auth.CodeCredentialsBadFormat: true, auth.CodeTokenTooLarge: true,
	auth.CodeInvalidToken: true, auth.CodeTokenExpired: true, auth.CodeTokenNotActive: true, auth.CodeInvalidIssuer: true,
	auth.CodeInvalidAudience: true, auth.CodeMissingClaim: true, auth.CodeTokenRevoked: true, auth.CodeKeysUnavailable: true,
	auth.CodeTooManyConnections: true, auth.CodeOriginNotAllowed: true, auth.CodeInternalError: true,
}

// remedies say what an operator or the author of a client can do about a refusal, by its code.
var remedies = map[string]string{
	refusalOrigin:      "add the origin to cors.origins",
	refusalUnknownPath: "set the client's option path to the setting path",
	refusalNamespace:   "the program declares no namespace of this name: correct the client's URL, or declare it",
	refusalProgram:     "a middleware of the program has refused the client",
	refusalTransport:   "the client offers neither polling nor websocket",
	refusalSession:     "the session has ended, or another node owns it: then let the load balancer send all requests of a session to one node (sticky sessions)",
	refusalMethod:      "a handshake is a GET request: is it a client of Socket.IO?",
	refusalBadRequest:  "is it a client of Socket.IO, and does a proxy pass its requests on unchanged, Upgrade header included?",
	refusalProtocol:    "the query parameter EIO must be 4: is it a client of Socket.IO?",
	refusalEIO3:        "the client is of Socket.IO 2.x: update it, or set allow_eio3 to true",
	refusalTooMany:     "raise max_connections or max_connections_per_address, or add nodes",
	refusalDraining:    "the node ends: another one takes the client",
	refusalHandshakes:  "raise limits.handshakes, and name your load balancers in trusted_proxies",

	auth.CodeCredentialsRequired:  "the client sends no token: set its option auth to {token}",
	auth.CodeCredentialsBadFormat: "the client sends something else than one token where the token belongs",
	auth.CodeTokenTooLarge:        "have the issuer put less into the token, or raise auth.max_token",
	auth.CodeTokenExpired:         "have the client get a new token before it connects: its option auth may be a function",
	auth.CodeTokenNotActive:       "set the clocks of the issuer and of this node, or raise auth.leeway",
	auth.CodeInvalidIssuer:        "compare the iss of the token with auth.issuer",
	auth.CodeInvalidAudience:      "compare the aud of the token with auth.audience",
	auth.CodeMissingClaim:         "have the issuer add the claim, or take it off auth.required_claims",
	auth.CodeTokenRevoked:         "chorus token revoke --list shows the revocation, --undo takes it back",
	auth.CodeKeysUnavailable:      "see that this node reaches auth.jwks_url",
	auth.CodeTooManyConnections:   "the subject has as many connections as auth.max_connections allows",
	auth.CodeInternalError:        "an earlier error in this log says what is wrong",
}

// reasonRemedies are the remedies of refusals whose code, invalid_token, has several reasons.
var reasonRemedies = map[string]string{
	auth.Reason(auth.ErrSignatureInvalid): "the token was signed with another secret or key: compare auth.secret or auth.public_keys with those of the issuer",
	auth.Reason(auth.ErrTokenMalformed):   "it is no JSON Web Token, or was cut on its way",
	auth.Reason(auth.ErrAlgorithmRefused): "the keys of this node, or auth.algorithms, do not allow the token's alg",
	auth.Reason(auth.ErrKeyUnknown):       "the token's kid names no key of this node: compare with auth.jwks_url or auth.public_keys",
	auth.Reason(auth.ErrTypeRefused):      "the token's typ is of another purpose: see auth.types",
	auth.Reason(auth.ErrExpMissing):       "have the issuer set exp, or set auth.require_exp to false",
	auth.Reason(auth.ErrClaimInvalid):     "have the issuer correct the claim: chorus token check names it",
}
