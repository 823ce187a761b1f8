package token

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/internal/strictjson"
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
	raw string // the payload as it was signed; what programs ask for is read from it each time

	issuer    string
	subject   string
	id        string
	audience  []string
	expiresAt time.Time
	notBefore time.Time
	issuedAt  time.Time

	permissions permission.Rules
	policy      *permission.Policy // of the verifier that found them good
}

// parseClaims reads a payload and checks the types of the registered claims (RFC 7519 section
// 4.1): a wrong one is refused even where no rule of the configuration looks at it.
//
// With numericSub a number in sub counts as its decimal text. set has all claims.
func parseClaims(payload string, numericSub bool) (c *Claims, set claimSet, err error) {
	if set, err = strictjson.Parse(payload); err != nil {
		return nil, nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	c = &Claims{raw: payload}
	if number, ok := set[claimSubject].(json.Number); ok {
		switch {
		case !numericSub:
			return nil, nil, refusal.Because(ErrClaimInvalid, "sub is a number, not a string")
		case !isDecimal(number.String()):
			return nil, nil, refusal.Because(ErrClaimInvalid, "sub is a number that is not a whole one")
		}
		set[claimSubject] = number.String()
	}
	for name, text := range map[string]*string{claimIssuer: &c.issuer, claimSubject: &c.subject, claimID: &c.id} {
		if *text, err = set.text(name); err != nil {
			return nil, nil, err
		}
	}
	if c.audience, err = set.texts(claimAudience); err != nil {
		return nil, nil, err
	}
	for name, date := range map[string]*time.Time{claimExpiresAt: &c.expiresAt, claimNotBefore: &c.notBefore, claimIssuedAt: &c.issuedAt} {
		if *date, err = set.date(name); err != nil {
			return nil, nil, err
		}
	}
	return c, set, nil
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
	switch {
	case name == claimSubject && c.subject != "": // it may be a number in the token
		return c.subject, true
	case c.raw == "":
		return nil, false
	}
	return strictjson.Member(c.raw, name)
}

// MarshalJSON returns the claims as they were signed, with all digits of every number.
func (c *Claims) MarshalJSON() ([]byte, error) { return []byte(c.raw), nil }

// Decide decides whether the token permits an action, and by which rule. The name is that of the room, the event or the
// scope of the API; the other actions ignore it. Nil claims, those of a client that has not authenticated, permit nothing.
func (c *Claims) Decide(action permission.Action, name string) permission.Decision {
	if c == nil {
		return permission.Decision{}
	}
	return c.permissions.Decide(action, name, c.subject)
}

// Can reports whether the token permits an action.
func (c *Claims) Can(action permission.Action, name string) bool {
	return c.Decide(action, name).Allowed
}

// Patterns returns a copy of the patterns that decide on an action, and their source, as "claim chorus.rooms.join" or
// "auth.defaults.rooms.join".
func (c *Claims) Patterns(action permission.Action) (patterns []string, source string) {
	if c == nil {
		return nil, ""
	}
	return c.permissions.Patterns(action)
}

// isDecimal reports whether a JSON number is a whole one, without a fraction or an exponent.
func isDecimal(number string) bool { return !strings.ContainsAny(number, ".eE") }

// claimSet has the claims of a token that is being read.
type claimSet map[string]any

func (s claimSet) text(name string) (string, error) {
	value, ok := s[name]
	if !ok {
		return "", nil
	}
	text, ok := value.(string)
	if !ok {
		return "", refusal.Because(ErrClaimInvalid, name+" is not a string")
	}
	return text, nil
}

func (s claimSet) texts(name string) ([]string, error) {
	switch value := s[name].(type) {
	case string:
		return []string{value}, nil
	case []any:
		texts := make([]string, len(value))
		for i, element := range value {
			text, ok := element.(string)
			if !ok {
				return nil, refusal.Because(ErrClaimInvalid, name+" is not a string or an array of strings")
			}
			texts[i] = text
		}
		return texts, nil
	}
	if _, there := s[name]; there {
		return nil, refusal.Because(ErrClaimInvalid, name+" is not a string or an array of strings")
	}
	return nil, nil
}

func (s claimSet) date(name string) (time.Time, error) {
	value, ok := s[name]
	if !ok {
		return time.Time{}, nil
	}
	date, err := parseDate(value)
	if err != nil {
		return time.Time{}, refusal.Because(ErrClaimInvalid, name+" is "+err.Error())
	}
	if date.IsZero() {
		date = date.Add(1) // the zero time stands for none
	}
	return date, nil
}
