package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
)

// Setting describes one setting, or a group of settings.
type Setting struct {
	Key      string   // auth.mode; in lists and maps webhooks[].url and events.NAME.to
	Type     string   // for people
	Default  string   // as text
	Empty    string   // what an empty value means
	Help     string   // one sentence
	Unit     string   // of a number
	Choices  []string // permitted values; none: any
	Min, Max string   // none: no limit
	Format   string
	Required bool
	Secret   Secrecy
	Reload   bool

	name    string
	index   int // of the field in its struct
	typ     reflect.Type
	members []*Setting // of a group, or of each item of a list or map of groups
}

// Secrecy says where a value may be shown.
type Secrecy string

// The values of Secrecy.
const (
	Public         Secrecy = ""
	Secret         Secrecy = "true"
	SecretURL      Secrecy = "url"    // shown without its password, but never in an error
	SecretInErrors Secrecy = "errors" // shown, but never in an error
)

// FromYAML is implemented by types that a file may write in several forms, as "true" or a name.
type FromYAML interface {
	// SetYAML takes a bool, uint64, int64, float64, string, []any, map[string]any or nil. Its error does
	// not repeat the value of a secret.
	SetYAML(value any) error
}

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	fromYAMLType = reflect.TypeFor[FromYAML]()
	durationType = reflect.TypeFor[time.Duration]()
	anyType      = reflect.TypeFor[any]()
)

// root describes Config.
var root = sync.OnceValue(func() *Setting {
	return &Setting{typ: reflect.TypeFor[Config](), members: describe(reflect.TypeFor[Config](), "")}
})

// Settings returns the descriptions of all settings, in the order of Config. Settings inside lists and
// maps stand behind the list or map.
func Settings() []Setting {
	var all []Setting
	var add func(members []*Setting)
	add = func(members []*Setting) {
		for _, s := range members {
			if !s.isGroup() {
				all = append(all, *s)
			}
			add(s.members)
		}
	}
	add(root().members)
	return all
}

// Keys returns the keys of the settings that a variable can set.
func Keys() []string {
	leaves := root().leaves()
	keys := make([]string, len(leaves))
	for i, s := range leaves {
		keys[i] = s.Key
	}
	return keys
}

// isGroup reports whether s is no setting itself, only the name of others.
func (s *Setting) isGroup() bool { return s.typ.Kind() == reflect.Struct && len(s.members) > 0 }

// leaves returns the settings of a group, those of its groups included.
func (s *Setting) leaves() []*Setting {
	var leaves []*Setting
	for _, m := range s.members {
		if m.isGroup() {
			leaves = append(leaves, m.leaves()...)
		} else {
			leaves = append(leaves, m)
		}
	}
	return leaves
}

// member returns the member with the given name.
func (s *Setting) member(name string) *Setting {
	for _, m := range s.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// describe reads the tags of a struct. prefix is the key of the struct with a dot behind it.
func describe(t reflect.Type, prefix string) []*Setting {
	var members []*Setting
	for i := range t.NumField() {
		field := t.Field(i)
		name := field.Tag.Get("yaml")
		if name == "-" || !field.IsExported() {
			continue
		}
		if name == "" {
			panic(fmt.Sprintf("%s.%s has no yaml tag", t, field.Name))
		}
		tag := field.Tag
		s := &Setting{
			Key: prefix + name, Type: typeName(field.Type, tag.Get("unit")), Default: tag.Get("default"), Empty: tag.Get("empty"), Help: tag.Get("help"),
			Unit: tag.Get("unit"), Choices: strings.Fields(tag.Get("oneof")), Min: tag.Get("min"), Max: tag.Get("max"), Format: tag.Get("format"),
			Required: tag.Get("required") == "true", Secret: Secrecy(tag.Get("secret")), Reload: tag.Get("reload") == "true",
			name: name, index: i, typ: field.Type,
		}
		if item, below := itemOf(field.Type, s.Key); item != nil {
			s.members = describe(item, below)
		}
		members = append(members, s)
	}
	return members
}

// itemOf returns the struct that a type is or has as items, and the prefix of its keys.
func itemOf(t reflect.Type, key string) (item reflect.Type, prefix string) {
	prefix = key + "."
	for !isScalar(t) {
		switch t.Kind() {
		case reflect.Struct:
			return t, prefix
		case reflect.Pointer:
			t = t.Elem()
		case reflect.Slice:
			t, prefix = t.Elem(), strings.TrimSuffix(prefix, ".")+"[]."
		case reflect.Map:
			t, prefix = t.Elem(), prefix+"NAME."
		default:
			return nil, ""
		}
	}
	return nil, ""
}

// isScalar reports whether values of a type are read as a whole.
func isScalar(t reflect.Type) bool {
	pointer := reflect.PointerTo(t)
	return t == anyType || pointer.Implements(textType) || pointer.Implements(fromYAMLType)
}

// typeName names a type for people.
func typeName(t reflect.Type, unit string) string {
	switch {
	case t == durationType:
		return "duration"
	case t == reflect.TypeFor[Size]():
		return "size"
	case t == reflect.TypeFor[Rate](), t == reflect.TypeFor[ByteRate]():
		return "rate"
	case t == anyType, reflect.PointerTo(t).Implements(fromYAMLType):
		return "value"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int64:
		return strings.TrimSuffix("number of "+unit, " of ")
	case reflect.Pointer:
		return typeName(t.Elem(), unit)
	case reflect.Slice:
		return "list"
	case reflect.Map:
		return "map by name"
	case reflect.Struct:
		return "group"
	}
	return "text"
}
