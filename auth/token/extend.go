package token

import (
	"encoding/json"
	"fmt"

	"chorus/auth/refusal"
	"chorus/internal/strictjson"
)

// IsRegistered reports whether a claim has a meaning of its own (RFC 7519 section 4.1), so that nothing but the token
// can set it.
func IsRegistered(name string) bool {
	switch name {
	case claimIssuer, claimSubject, claimAudience, claimExpiresAt, claimNotBefore, claimIssuedAt, claimID:
		return true
	}
	return false
}

// With returns the claims and some more. Permissions among them count as those of a token, registered claims are left as
// they are. An error means that no token could have these claims.
func (c *Claims) With(more map[string]any) (*Claims, error) {
	set := map[string]any{}
	if c.raw != "" {
		set, _ = strictjson.Parse(c.raw) // it was accepted before
	}
	if c.subject != "" {
		set[claimSubject] = c.subject // it may be a number in the token
	}
	for name, value := range more {
		if !IsRegistered(name) {
			set[name] = value
		}
	}
	raw, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("auth: claims that are not JSON: %w", err)
	}
	extended := *c
	extended.raw = string(raw)
	if set, err = strictjson.Parse(extended.raw); err != nil {
		return nil, fmt.Errorf("auth: claims that no token could have: %w", err)
	}
	if c.policy == nil {
		return &extended, nil
	}
	if extended.permissions, err = c.policy.Read(set); err != nil {
		return nil, refusal.Because(ErrClaimInvalid, err.Error())
	}
	return &extended, nil
}
