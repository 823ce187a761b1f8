package token

import (
	"encoding/json"
	"fmt"
	"maps"

	"chorus/auth/refusal"
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
	set := maps.Clone(c.set)
	for name, value := range more {
		if !IsRegistered(name) {
			set[name] = cloneJSON(value)
		}
	}
	raw, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("auth: claims that are not JSON: %w", err)
	}
	extended := *c
	extended.set, extended.raw = set, raw
	if c.policy == nil {
		return &extended, nil
	}
	if extended.permissions, err = c.policy.Read(set); err != nil {
		return nil, refusal.Because(ErrClaimInvalid, err.Error())
	}
	return &extended, nil
}
