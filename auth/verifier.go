package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Verifier tells good tokens from bad ones. Make it with [NewVerifier]; it is safe for concurrent
// use.
type Verifier struct {
	keys          [][]byte
	methods       map[string]*jwt.SigningMethodHMAC // by the name that a token gives
	issuer        string
	audience      []string
	leeway        time.Duration
	requireExp    bool
	maxTokenBytes int
	now           func() time.Time
	rules         rules
	revocations   *Revocations
}

// NewVerifier makes a Verifier. Its errors wrap ErrNoKey, ErrBadSecret, ErrUnknownAlgorithm or
// ErrBadOption, say what to do, and name a secret by its position only.
func NewVerifier(opts Options) (*Verifier, error) {
	keys, err := opts.keys()
	if err != nil {
		return nil, err
	}
	methods, err := opts.methods()
	if err != nil {
		return nil, err
	}
	leeway, err := opts.leeway()
	if err != nil {
		return nil, err
	}
	maxTokenBytes, err := opts.maxTokenBytes()
	if err != nil {
		return nil, err
	}
	if err := opts.checkAudience(); err != nil {
		return nil, err
	}
	rules, err := opts.newRules()
	if err != nil {
		return nil, err
	}
	return &Verifier{
		keys:          keys,
		methods:       methods,
		issuer:        opts.Issuer,
		audience:      slices.Clone(opts.Audience),
		leeway:        leeway,
		requireExp:    !opts.AllowMissingExp,
		maxTokenBytes: maxTokenBytes,
		now:           time.Now,
		rules:         rules,
		revocations:   opts.Revocations,
	}, nil
}

// Verify returns the claims of a good token. The error of a bad one wraps one of this package's
// refusals; [Code] and [Reason] say what of it a client may know. Claims are read only after the
// signature was found good.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("auth: verification not begun: %w", err)
	}
	switch {
	case token == "":
		return nil, ErrCredentialsRequired
	case len(token) > v.maxTokenBytes:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTokenTooLarge, len(token), v.maxTokenBytes)
	}
	jws, err := parseCompact(token)
	if err != nil {
		return nil, err
	}
	method, ok := v.methods[jws.algorithm]
	if !ok {
		return nil, ErrAlgorithmRefused
	}
	if !v.signed(method, jws) {
		return nil, ErrSignatureInvalid
	}
	claims, err := parseClaims(jws.payload)
	if err != nil {
		return nil, err
	}
	if err := v.rules.apply(claims); err != nil {
		return nil, err
	}
	if err := v.check(claims); err != nil {
		return nil, err
	}
	if err := v.revocations.check(claims); err != nil {
		return nil, err
	}
	return claims, nil
}

// signed tells whether one of the keys made the signature; the comparison takes the same time
// for every wrong one.
func (v *Verifier) signed(method *jwt.SigningMethodHMAC, jws *compact) bool {
	for _, key := range v.keys {
		if method.Verify(jws.signingInput, jws.signature, key) == nil {
			return true
		}
	}
	return false
}

// check applies the rules of RFC 7519 section 4.1 that need a clock or the configuration.
func (v *Verifier) check(c *Claims) error {
	now := v.now()
	switch {
	case c.has(claimExpiresAt):
		if !now.Before(c.expiresAt.Add(v.leeway)) {
			return ErrTokenExpired
		}
	case v.requireExp:
		return ErrExpMissing
	}
	for name, at := range map[string]time.Time{claimNotBefore: c.notBefore, claimIssuedAt: c.issuedAt} {
		if c.has(name) && at.After(now.Add(v.leeway)) {
			return fmt.Errorf("%w: %s is still to come", ErrTokenNotActive, name)
		}
	}
	if v.issuer != "" && c.issuer != v.issuer {
		return ErrIssuerInvalid
	}
	if len(v.audience) > 0 && !slices.ContainsFunc(c.audience, func(name string) bool { return slices.Contains(v.audience, name) }) {
		return ErrAudienceInvalid
	}
	return nil
}
