package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Check returns everything that is wrong with the values, one error for each. What the parts of a node
// check themselves, such as keys, is not in it: see node.Validate.
func (c *Config) Check() []error {
	k := &checker{cfg: c}
	k.group(reflect.ValueOf(c).Elem(), root().members, "")
	c.conflicts(k)
	return k.faults
}

// CheckGroups is Check for the settings whose keys begin with one of the prefixes.
func (c *Config) CheckGroups(prefixes ...string) []error {
	return slices.DeleteFunc(c.Check(), func(err error) bool {
		var fault *Fault
		return errors.As(err, &fault) && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(fault.Key, p) })
	})
}

// checker gathers what is wrong.
type checker struct {
	cfg    *Config
	faults []error
}

// that notes a fault of a setting unless ok.
func (k *checker) that(ok bool, key, format string, args ...any) {
	if !ok {
		k.faults = append(k.faults, k.cfg.Fault(key, fmt.Errorf(format, args...)))
	}
}

// group checks the members of a struct. path is the key of the struct.
func (k *checker) group(v reflect.Value, members []*Setting, path string) {
	for _, s := range members {
		k.value(v.Field(s.index), s, strings.TrimPrefix(path+"."+s.name, "."))
	}
}

// value checks a setting and what is below it.
func (k *checker) value(v reflect.Value, s *Setting, key string) {
	if isScalar(v.Type()) {
		k.scalar(v, s, key)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		k.group(v, s.members, key)
	case reflect.Pointer:
		if !v.IsNil() {
			k.value(v.Elem(), s, key)
		}
	case reflect.Slice:
		k.that(!s.Required || v.Len() > 0, key, "it must not be empty")
		for i := range v.Len() {
			item := key
			if len(s.members) > 0 {
				item = fmt.Sprintf("%s[%d]", key, i)
			}
			k.value(v.Index(i), s, item)
		}
	case reflect.Map:
		for _, name := range v.MapKeys() {
			k.value(v.MapIndex(name), s, key+"."+name.String())
		}
	default:
		k.scalar(v, s, key)
	}
}

// scalar checks one value against its description.
func (k *checker) scalar(v reflect.Value, s *Setting, key string) {
	if v.Kind() == reflect.Int64 {
		k.limits(v, s, key)
		return
	}
	if v.Kind() != reflect.String {
		return
	}
	text := v.String()
	switch {
	case s.Secret != Public && isPlaceholder(text):
		k.that(false, key, "%w", errPlaceholder)
	case text == "":
		k.that(!s.Required, key, "it must not be empty")
	case len(s.Choices) > 0:
		k.that(slices.Contains(s.Choices, text), key, "%s is none of: %s", s.quote(text), strings.Join(s.Choices, ", "))
	case s.Format != "":
		if reason := formats[s.Format](text); reason != "" {
			k.that(false, key, "%s %s", s.quote(text), reason)
		}
	}
}

// limits checks a number against min and max.
func (k *checker) limits(v reflect.Value, s *Setting, key string) {
	least, most := reflect.New(v.Type()).Elem(), reflect.New(v.Type()).Elem()
	bounds := &Setting{Unit: s.Unit}
	if s.Min != "" && (bounds.setText(least, s.Min) != nil || v.Int() < least.Int()) {
		k.that(false, key, "%s is less than the least, %s", formatValue(v), s.Min)
	}
	if s.Max != "" && (bounds.setText(most, s.Max) != nil || v.Int() > most.Int()) {
		k.that(false, key, "%s is more than the most, %s", formatValue(v), s.Max)
	}
}
