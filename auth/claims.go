package auth

import (
	"fmt"
	"slices"
	"time"
)

// Names of the registered claims (RFC 7519 section 4.1).
const (
	claimIssuer    = "iss"
	claimSubject   = "sub"
	claimAudience  = "aud"
	claimExpiresAt = "exp"
	claimNotBefore = "nbf"
	claimIssuedAt  = "iat"
	claimID        = "jti"
)

// Claims are what a verified token says. They cannot be changed and are safe for concurrent use.
type Claims struct {
	raw []byte         // the payload as it was signed
	set map[string]any // the same, read

	issuer    string
	subject   string
	id        string
	audience  []string
	expiresAt time.Time
	notBefore time.Time
	issuedAt  time.Time

	permissions *permissions
}

// parseClaims reads a payload and checks the types of the registered claims (RFC 7519 section
// 4.1): a wrong one is refused even where no rule of the configuration looks at it.
func parseClaims(payload []byte) (*Claims, error) {
	set, err := parseObject(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrTokenMalformed, err)
	}
	c := &Claims{raw: payload, set: set}
	for name, text := range map[string]*string{claimIssuer: &c.issuer, claimSubject: &c.subject, claimID: &c.id} {
		if *text, err = c.text(name); err != nil {
			return nil, err
		}
	}
	if c.audience, err = c.texts(claimAudience); err != nil {
		return nil, err
	}
	for name, date := range map[string]*time.Time{claimExpiresAt: &c.expiresAt, claimNotBefore: &c.notBefore, claimIssuedAt: &c.issuedAt} {
		if *date, err = c.date(name); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Subject returns sub, empty when the token has none: by convention the user's id.
func (c *Claims) Subject() string { return c.subject }

// ID returns jti, empty when the token has none.
func (c *Claims) ID() string { return c.id }

// Issuer returns iss, empty when the token has none.
func (c *Claims) Issuer() string { return c.issuer }

// Audience returns a copy of aud as a list, also when the token has it as one string.
func (c *Claims) Audience() []string { return slices.Clone(c.audience) }

// ExpiresAt returns exp, the zero time when the token has none.
func (c *Claims) ExpiresAt() time.Time { return c.expiresAt }

// NotBefore returns nbf, the zero time when the token has none.
func (c *Claims) NotBefore() time.Time { return c.notBefore }

// IssuedAt returns iat, the zero time when the token has none.
func (c *Claims) IssuedAt() time.Time { return c.issuedAt }

// Get returns any claim by name, and whether the token has it: nil, a bool, a string, a
// json.Number, a []any or a map[string]any. The last two are copies.
func (c *Claims) Get(name string) (any, bool) {
	value, ok := c.set[name]
	return cloneJSON(value), ok
}

// MarshalJSON returns the claims as they were signed, with all digits of every number.
func (c *Claims) MarshalJSON() ([]byte, error) { return slices.Clone(c.raw), nil }

func (c *Claims) has(name string) bool {
	_, ok := c.set[name]
	return ok
}

func (c *Claims) text(name string) (string, error) {
	value, ok := c.set[name]
	if !ok {
		return "", nil
	}
	text, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("%w: %s: %w", ErrClaimInvalid, name, errNotString)
	}
	return text, nil
}

func (c *Claims) texts(name string) ([]string, error) {
	switch value := c.set[name].(type) {
	case string:
		return []string{value}, nil
	case []any:
		texts := make([]string, len(value))
		for i, element := range value {
			text, ok := element.(string)
			if !ok {
				return nil, fmt.Errorf("%w: %s: %w", ErrClaimInvalid, name, errNotAudience)
			}
			texts[i] = text
		}
		return texts, nil
	}
	if c.has(name) {
		return nil, fmt.Errorf("%w: %s: %w", ErrClaimInvalid, name, errNotAudience)
	}
	return nil, nil
}

func (c *Claims) date(name string) (time.Time, error) {
	value, ok := c.set[name]
	if !ok {
		return time.Time{}, nil
	}
	date, err := parseDate(value)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %s: %w", ErrClaimInvalid, name, err)
	}
	return date, nil
}

func cloneJSON(value any) any {
	switch value := value.(type) {
	case map[string]any:
		members := make(map[string]any, len(value))
		for name, member := range value {
			members[name] = cloneJSON(member)
		}
		return members
	case []any:
		elements := make([]any, len(value))
		for i, element := range value {
			elements[i] = cloneJSON(element)
		}
		return elements
	}
	return value
}
