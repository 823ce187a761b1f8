package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"chorus/auth"
	"chorus/node"
)

// isGenuine tells whether a token was refused for what it says, which is looked at only after its
// signature was found good.
func isGenuine(err error) bool {
	for _, reason := range []error{
		auth.ErrClaimInvalid, auth.ErrExpMissing, auth.ErrTokenExpired, auth.ErrTokenNotActive,
		auth.ErrIssuerInvalid, auth.ErrAudienceInvalid, auth.ErrClaimMissing, auth.ErrTokenRevoked,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// remedy says why a token was refused and what to do about it, in one line.
func remedy(err error, content tokenContent, cfg *node.Config, now time.Time) string {
	says := func(name string) string {
		if value, ok := content.claims[name]; ok {
			return name + " is " + asJSON(value)
		}
		return "it has no " + name
	}
	switch {
	case errors.Is(err, auth.ErrCredentialsRequired):
		return "give it as the argument, or as - and on standard input"
	case errors.Is(err, auth.ErrTokenTooLarge):
		return fmt.Sprintf("it has %d bytes; have the issuer put less into it", content.size)
	case errors.Is(err, auth.ErrTokenMalformed):
		return detail(err, auth.ErrTokenMalformed) + "; it may have been cut or changed when it was copied: a token is three parts of base64url with dots between"
	case errors.Is(err, auth.ErrAlgorithmRefused):
		return fmt.Sprintf("alg is %s; the keys of this configuration, or auth.algorithms, do not have it", asJSON(content.header["alg"]))
	case errors.Is(err, auth.ErrTypeRefused):
		return fmt.Sprintf("typ is %s; it was made for another purpose, or auth.types has to name it", asJSON(content.header["typ"]))
	case errors.Is(err, auth.ErrKeyUnknown):
		return fmt.Sprintf("kid is %s; the key is not, or not any more, among those of this configuration", asJSON(content.header["kid"]))
	case errors.Is(err, auth.ErrKeysUnavailable):
		return "the keys of the issuer could not be loaded; see whether auth.jwks_url can be reached from here"
	case errors.Is(err, auth.ErrSignatureInvalid):
		return "none of the keys of this configuration made the signature; compare auth.secret, or the public keys, with those of the issuer"
	case errors.Is(err, auth.ErrTokenExpired):
		return since("exp", content, now) + "; get a new one"
	case errors.Is(err, auth.ErrTokenRevoked):
		return "chorus token revoke --list says how, --undo takes it back"
	case errors.Is(err, auth.ErrTokenNotActive):
		return detail(err, auth.ErrTokenNotActive) + fmt.Sprintf("; wait, or set the clocks: auth.leeway forgives %s", cfg.Auth.Leeway)
	case errors.Is(err, auth.ErrExpMissing):
		return "have the issuer set exp, or auth.require_exp to false"
	case errors.Is(err, auth.ErrIssuerInvalid):
		return fmt.Sprintf("%s, and auth.issuer is %q", says("iss"), cfg.Auth.Issuer)
	case errors.Is(err, auth.ErrAudienceInvalid):
		return fmt.Sprintf("%s, and auth.audience is %q", says("aud"), cfg.Auth.Audience)
	case errors.Is(err, auth.ErrClaimInvalid):
		return detail(err, auth.ErrClaimInvalid) + "; have the issuer correct it"
	case errors.Is(err, auth.ErrClaimMissing):
		return detail(err, auth.ErrClaimMissing) + "; have the issuer add it, or take it off auth.required_claims"
	}
	return "it cannot be told why"
}

// detail is what an error says beyond its reason.
func detail(err, reason error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), reason.Error()), ": ")
}

func since(name string, content tokenContent, now time.Time) string {
	date, ok := dateOf(content.claims[name])
	if !ok {
		return name + " has passed"
	}
	return name + " was " + relative(date, now)
}
