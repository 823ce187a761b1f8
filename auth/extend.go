package auth

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// IsRegistered reports whether a claim has a meaning of its own for Chorus (RFC 7519 section 4.1), so that nothing but the
// token can set it.
func IsRegistered(name string) bool {
	switch name {
	case claimIssuer, claimSubject, claimAudience, claimExpiresAt, claimNotBefore, claimIssuedAt, claimID:
		return true
	}
	return false
}

// Extend adds claims to those of a socket that has authenticated, until its token is replaced. Permissions among them
// count as those of a token. Registered claims are left as they are. An error means that the claims are not those that a
// token could have, and nothing was added.
func Extend(s *socket.Socket, more map[string]any) error {
	claims := FromSocket(s)
	if claims == nil || len(more) == 0 {
		return nil
	}
	extended, err := claims.with(more)
	if err != nil {
		return err
	}
	remember(s, extended)
	return nil
}

// with returns the claims and some more.
func (c *Claims) with(more map[string]any) (*Claims, error) {
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
		return nil, because(ErrClaimInvalid, err.Error())
	}
	return &extended, nil
}
