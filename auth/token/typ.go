package token

import (
	"slices"
	"strings"
)

// defaultTypes are accepted unless Options.Types says otherwise, beside tokens without a typ: those of
// RFC 7519 section 5.1 and RFC 9068 section 2.1.
var defaultTypes = []string{"jwt", "at+jwt"}

// canonicalType makes typ comparable: media types have no case, and most leave out the part before the
// slash (RFC 7515 section 4.1.9).
func canonicalType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}

// typeRule says which tokens are for this service, by what their header says they are.
type typeRule struct {
	names  []string // in canonical form
	absent bool     // a token without typ is accepted
}

func newTypeRule(types []string) typeRule {
	if len(types) == 0 {
		return typeRule{names: defaultTypes, absent: true}
	}
	rule := typeRule{names: make([]string, len(types))}
	for i, typ := range types {
		rule.names[i] = canonicalType(typ)
	}
	return rule
}

// check returns ErrTypeRefused for a token of another kind; typ is nil when the token has none.
func (r *typeRule) check(typ *string) error {
	if typ == nil && r.absent || typ != nil && slices.Contains(r.names, canonicalType(*typ)) {
		return nil
	}
	return ErrTypeRefused
}
