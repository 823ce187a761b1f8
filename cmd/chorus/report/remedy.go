package report

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"chorus/auth/token"
	"chorus/node/config"
)

// isGenuine tells whether a token was refused for what it says, which is looked at only after its
// signature was found good.
func isGenuine(err error) bool {
	for _, reason := range []error{
		token.ErrClaimInvalid, token.ErrExpMissing, token.ErrExpired, token.ErrNotActive,
		token.ErrIssuerInvalid, token.ErrAudienceInvalid, token.ErrClaimMissing, token.ErrRevoked,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// Remedy says why a token was refused and what to do about it, in one line.
func Remedy(err error, content Content, cfg *config.Config, now time.Time) string {
	says := func(name string) string {
		if value, ok := content.Claims[name]; ok {
			return name + " is " + asJSON(value)
		}
		return "it has no " + name
	}
	switch {
	case errors.Is(err, token.ErrRequired):
		return "give it as the argument, or as - and on standard input"
	case errors.Is(err, token.ErrTooLarge):
		return fmt.Sprintf("it has %d bytes; have the issuer put less into it", content.size)
	case errors.Is(err, token.ErrMalformed):
		return detail(err, token.ErrMalformed) + "; it may have been cut or changed when it was copied: a token is three parts of base64url with dots between"
	case errors.Is(err, token.ErrAlgorithmRefused):
		return fmt.Sprintf("alg is %s; the keys of this configuration, or auth.algorithms, do not have it", asJSON(content.header["alg"]))
	case errors.Is(err, token.ErrTypeRefused):
		return fmt.Sprintf("typ is %s; it was made for another purpose, or auth.types has to name it", asJSON(content.header["typ"]))
	case errors.Is(err, token.ErrKeyUnknown):
		return fmt.Sprintf("kid is %s; the key is not, or not any more, among those of this configuration", asJSON(content.header["kid"]))
	case errors.Is(err, token.ErrKeysUnavailable):
		return "the keys of the issuer could not be loaded; see whether auth.jwks_url can be reached from here"
	case errors.Is(err, token.ErrSignatureInvalid):
		return "none of the keys of this configuration made the signature; compare auth.secret, or the public keys, with those of the issuer"
	case errors.Is(err, token.ErrExpired):
		return since("exp", content, now) + "; get a new one"
	case errors.Is(err, token.ErrRevoked):
		return "chorus token revoke --list says how, --undo takes it back"
	case errors.Is(err, token.ErrNotActive):
		return detail(err, token.ErrNotActive) + fmt.Sprintf("; wait, or set the clocks: auth.leeway forgives %s", cfg.Auth.Leeway)
	case errors.Is(err, token.ErrExpMissing):
		return "have the issuer set exp, or auth.require_exp to false"
	case errors.Is(err, token.ErrIssuerInvalid):
		return fmt.Sprintf("%s, and auth.issuer is %q", says("iss"), cfg.Auth.Issuer)
	case errors.Is(err, token.ErrAudienceInvalid):
		return fmt.Sprintf("%s, and auth.audience is %q", says("aud"), cfg.Auth.Audience)
	case errors.Is(err, token.ErrClaimInvalid):
		return detail(err, token.ErrClaimInvalid) + "; have the issuer correct it"
	case errors.Is(err, token.ErrClaimMissing):
		return detail(err, token.ErrClaimMissing) + "; have the issuer add it, or take it off auth.required_claims"
	}
	return "it cannot be told why"
}

// detail is what an error says beyond its reason.
func detail(err, reason error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), reason.Error()), ": ")
}

func since(name string, content Content, now time.Time) string {
	date, ok := DateOf(content.Claims[name])
	if !ok {
		return name + " has passed"
	}
	return name + " was " + relative(date, now)
}
