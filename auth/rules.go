package auth

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// rule decides on one action.
type rule struct {
	source string // who says so, for people: "claim chorus.api" or "auth.defaults.api"
	isList bool

	allowed  bool      // when it is no list
	patterns []pattern // when it is one: any of them allows
}

// permissions are the rules of a token, or the defaults. They are shared and never changed.
type permissions map[Action]*rule

// rules say where the permissions of a token come from.
type rules struct {
	claim    string // its name
	defaults permissions
}

// defaultsKey is where an operator finds the defaults in the configuration.
const defaultsKey = "auth.defaults."

// newRules reads the options that are about permissions.
func (o *Options) newRules() (rules, error) {
	r := rules{claim: o.PermissionsClaim, defaults: make(permissions)}
	switch r.claim {
	case "":
		r.claim = DefaultPermissionsClaim
	case claimIssuer, claimSubject, claimAudience, claimExpiresAt, claimNotBefore, claimIssuedAt, claimID:
		return r, badOption("PermissionsClaim", "%w: permissions in the claim %q, which means something else (RFC 7519 section 4.1): name another one", ErrBadOption, r.claim)
	}
	p := DefaultPermissions()
	if o.Defaults != nil {
		p = *o.Defaults
	}
	for _, row := range actions {
		own := &rule{source: defaultsKey + row.path, isList: row.isList}
		switch value := reflect.ValueOf(p).FieldByIndex(row.index).Interface().(type) {
		case bool:
			own.allowed = value
		case []string:
			var err error
			if own.patterns, err = parsePatterns(value); err != nil {
				return r, badOption("Defaults", "%w: %s%w", ErrBadOption, own.source, err)
			}
		}
		r.defaults[row.action] = own
	}
	return r, nil
}

// apply reads the permissions of a token into its claims. Claims that say nothing share the defaults.
func (r *rules) apply(c *Claims) error {
	c.permissions = r.defaults
	value, ok := c.set[r.claim]
	if !ok {
		return nil
	}
	own := maps.Clone(r.defaults)
	if err := r.readObject(own, value, ""); err != nil {
		return because(ErrClaimInvalid, r.claim+err.Error())
	}
	c.permissions = own
	return nil
}

// readObject overlays permissions with what an object of the claim says; prefix is the path of the object with a dot
// behind, or empty. Its errors begin with the path behind the name of the claim, say what belongs there, and repeat
// nothing of what the token has there.
func (r *rules) readObject(into permissions, value any, prefix string) error {
	at := strings.TrimSuffix("."+prefix, ".")
	object, ok := value.(map[string]any)
	names := members(prefix)
	if !ok {
		return fmt.Errorf("%s: want an object with the members %s", at, strings.Join(names, ", "))
	}
	known := 0
	for _, name := range names {
		value, ok := object[name]
		if !ok {
			continue
		}
		known++
		path := prefix + name
		i := slices.IndexFunc(actions, func(row row) bool { return row.path == path })
		if i < 0 {
			if err := r.readObject(into, value, path+"."); err != nil {
				return err
			}
			continue
		}
		own, err := r.readRule(value, &actions[i])
		if err != nil {
			return fmt.Errorf(".%s%w", path, err)
		}
		into[actions[i].action] = own
	}
	if known != len(object) {
		return fmt.Errorf("%s: has a member that is none of %s", at, strings.Join(names, ", "))
	}
	return nil
}

func (r *rules) readRule(value any, row *row) (*rule, error) {
	own := &rule{source: "claim " + r.claim + "." + row.path, isList: row.isList}
	if !row.isList {
		var ok bool
		if own.allowed, ok = value.(bool); !ok {
			return nil, errors.New(": want true or false")
		}
		return own, nil
	}
	elements, ok := value.([]any)
	if !ok {
		return nil, errors.New(": want a list of patterns")
	}
	texts := make([]string, len(elements))
	for i, element := range elements {
		if texts[i], ok = element.(string); !ok {
			return nil, fmt.Errorf("[%d]: want a pattern, which is a string", i)
		}
	}
	var err error
	own.patterns, err = parsePatterns(texts)
	return own, err
}
