package permission

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Policy reads the permissions of tokens. Make it with [NewPolicy]; it does not change.
type Policy struct {
	claim    string // its name
	defaults Rules
}

// defaultsKey is where an operator finds the defaults in the configuration.
const defaultsKey = "auth.defaults."

// NewPolicy returns a policy for the claim of a name, empty for [DefaultClaim]. The defaults count where a token does
// not say; nil stands for [Defaults]. Its error names the bad pattern by its place.
func NewPolicy(claim string, defaults *Table) (*Policy, error) {
	table := Defaults()
	if defaults != nil {
		table = *defaults
	}
	p := &Policy{claim: cmp.Or(claim, DefaultClaim), defaults: make(Rules)}
	for _, row := range rows {
		own := &rule{source: defaultsKey + row.path, isList: row.isList}
		switch value := reflect.ValueOf(table).FieldByIndex(row.index).Interface().(type) {
		case bool:
			own.allowed = value
		case []string:
			var err error
			if own.patterns, err = parsePatterns(value); err != nil {
				return nil, fmt.Errorf("%s%w", own.source, err)
			}
		}
		p.defaults[row.action] = own
	}
	return p, nil
}

// Read returns the rules of a token with these claims. Tokens that say nothing share the defaults. The error says
// where the claim is wrong and what belongs there, and repeats nothing of the token.
func (p *Policy) Read(claims map[string]any) (Rules, error) {
	value, ok := claims[p.claim]
	if !ok {
		return p.defaults, nil
	}
	own := maps.Clone(p.defaults)
	if err := p.readObject(own, value, ""); err != nil {
		return nil, fmt.Errorf("%s%w", p.claim, err)
	}
	return own, nil
}

// readObject overlays rules with an object of the claim. prefix is the path of the object and a dot, or empty. Its
// errors begin with the path after the name of the claim.
func (p *Policy) readObject(into Rules, value any, prefix string) error {
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
		i := slices.IndexFunc(rows, func(row row) bool { return row.path == path })
		if i < 0 {
			if err := p.readObject(into, value, path+"."); err != nil {
				return err
			}
			continue
		}
		own, err := p.readRule(value, &rows[i])
		if err != nil {
			return fmt.Errorf(".%s%w", path, err)
		}
		into[rows[i].action] = own
	}
	if known != len(object) {
		return fmt.Errorf("%s: has a member that is none of %s", at, strings.Join(names, ", "))
	}
	return nil
}

func (p *Policy) readRule(value any, row *row) (*rule, error) {
	own := &rule{source: "claim " + p.claim + "." + row.path, isList: row.isList}
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
