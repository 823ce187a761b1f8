package token

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"chorus/auth/permission"
	"chorus/auth/refusal"
)

// Verifier tells good tokens from bad ones. Make it with [NewVerifier]; it is safe for concurrent
// use.
type Verifier struct {
	keys              *keyring
	jwks              *jwks // nil without Options.JWKSURL
	cache             *cache
	allowShortSecrets bool
	secretEncoding    SecretEncoding
	numericSub        bool
	types             typeRule
	issuer            string
	audience          []string
	leeway            time.Duration
	requireExp        bool
	required          []string
	maxTokenBytes     int
	now               func() time.Time
	policy            *permission.Policy
	revoked           func(*Claims) bool
}

// NewVerifier makes a Verifier. Its errors are of type *OptionError and wrap ErrNoKey, ErrBadSecret,
// ErrBadPublicKey, ErrUnknownAlgorithm or ErrBadOption; they say what to do, and name a key by its
// position only. It does not wait for a JWKS: [Verifier.Ready] tells when that was read.
func NewVerifier(opts Options) (*Verifier, error) {
	v, fetch, err := opts.verifier()
	if err != nil {
		return nil, err
	}
	if fetch != nil {
		log := opts.Logger
		if log == nil {
			log = slog.New(slog.DiscardHandler)
		}
		v.jwks = startJWKS(fetch, v.keys, cmp.Or(opts.JWKSRefresh, DefaultJWKSRefresh), log)
	}
	return v, nil
}

// Close ends the reading of the JWKS and waits for its goroutine; the keys that are there stay in force.
// It is idempotent, and without a JWKS there is nothing to end.
func (v *Verifier) Close() error {
	if v.jwks != nil {
		v.jwks.close()
	}
	return nil
}

// Verify returns the claims of a good token. The error of a bad one wraps one of this package's
// refusals; [Code] and [Reason] say what of it a client may know. Claims are read only after the
// signature was found good. With a JWKS, a token whose key is not known may have to wait until that
// was read again, or ctx ends.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("auth: verification not begun: %w", err)
	}
	switch {
	case token == "":
		return nil, ErrRequired
	case len(token) > v.maxTokenBytes:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(token), v.maxTokenBytes)
	}
	claims, err := v.authentic(ctx, token)
	if err != nil {
		return nil, err
	}
	if v.Revoked(claims) {
		return nil, ErrRevoked
	}
	return claims, nil
}

// Revoked reports whether Options.Revoked knows the token as revoked.
func (v *Verifier) Revoked(claims *Claims) bool { return v.revoked != nil && v.revoked(claims) }

// Left returns for how long a token is still good: until exp and the leeway have passed. Without exp that is for ever.
func (v *Verifier) Left(claims *Claims) time.Duration {
	if claims.expiresAt.IsZero() {
		return math.MaxInt64
	}
	return claims.expiresAt.Add(v.leeway).Sub(v.now())
}

// authentic returns the claims of a token that is good at this moment, from the cache if they are there.
func (v *Verifier) authentic(ctx context.Context, token string) (*Claims, error) {
	hash := tokenHash(sha256.Sum256([]byte(token)))
	if claims, ok := v.cache.get(hash, v.keys.current.Load()); ok {
		err := v.check(claims)
		if err != nil { // it has expired: nothing else comes with time
			v.cache.forget(hash)
			return nil, err
		}
		return claims, nil
	}
	claims, keys, err := v.open(ctx, token)
	if err != nil {
		return nil, err
	}
	if err := v.check(claims); err != nil {
		return nil, err
	}
	v.cache.put(hash, verified{claims: claims, keys: keys})
	return claims, nil
}

// open returns the claims of a token of which nothing is known yet, and the keys that it was found
// authentic with.
func (v *Verifier) open(ctx context.Context, token string) (*Claims, *keySet, error) {
	jws, err := parseCompact(token)
	if err != nil {
		return nil, nil, err
	}
	if err := v.types.check(jws.typ); err != nil {
		return nil, nil, err
	}
	keys, err := v.verifySignature(ctx, jws)
	if err != nil {
		return nil, nil, err
	}
	claims, set, err := parseClaims(string(jws.payload), v.numericSub)
	if err != nil {
		return nil, nil, err
	}
	claims.policy = v.policy
	if claims.permissions, err = v.policy.Read(set); err != nil {
		return nil, nil, refusal.Because(ErrClaimInvalid, err.Error())
	}
	return claims, keys, nil
}

// verifySignature returns the keys with which the signature was found good. A token without a key may be
// of one that the issuer has had for a moment only, so the JWKS is then read, if not too often.
func (v *Verifier) verifySignature(ctx context.Context, jws *compact) (*keySet, error) {
	keys := v.keys.current.Load()
	err := keys.verify(jws)
	if (errors.Is(err, ErrKeyUnknown) || errors.Is(err, ErrKeysUnavailable)) && v.jwks.ask(ctx) {
		keys = v.keys.current.Load()
		err = keys.verify(jws)
	}
	return keys, err
}

// check applies the rules of RFC 7519 section 4.1 that need a clock or the configuration.
func (v *Verifier) check(c *Claims) error {
	now := v.now()
	switch {
	case !c.expiresAt.IsZero():
		if v.Left(c) <= 0 {
			return ErrExpired
		}
	case v.requireExp:
		return ErrExpMissing
	}
	for name, at := range map[string]time.Time{claimNotBefore: c.notBefore, claimIssuedAt: c.issuedAt} {
		if at.After(now.Add(v.leeway)) {
			return refusal.Because(ErrNotActive, name+" is still to come")
		}
	}
	if v.issuer != "" && c.issuer != v.issuer {
		return ErrIssuerInvalid
	}
	if len(v.audience) > 0 && !slices.ContainsFunc(c.audience, func(name string) bool { return slices.Contains(v.audience, name) }) {
		return ErrAudienceInvalid
	}
	for _, name := range v.required {
		if value, _ := c.Get(name); value == nil { // missing or null
			return refusal.Because(ErrClaimMissing, name)
		}
	}
	return nil
}
