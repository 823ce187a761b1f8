package config

import (
	"reflect"
	"regexp"
	"strings"
)

const (
	hidden         = "[redacted]" // stands for a secret
	hiddenPassword = "xxxxx"      // stands for the password of an address, where brackets are not permitted
)

// Redacted returns a copy that can be shown: what is in force, without secrets and passwords.
func (c *Config) Redacted() Config {
	shown := *c
	reflect.ValueOf(&shown).Elem().Set(redact(reflect.ValueOf(*c), &Setting{members: root().members}))
	shown.Cluster.Adapter = c.AdapterName()
	return shown
}

// redact returns a copy of a value without secrets.
func redact(v reflect.Value, s *Setting) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || len(s.members) == 0 {
			return v
		}
		shown := reflect.New(v.Type().Elem())
		shown.Elem().Set(redact(v.Elem(), s))
		return shown
	case reflect.Struct:
		shown := reflect.New(v.Type()).Elem()
		shown.Set(v)
		for _, m := range s.members {
			shown.Field(m.index).Set(redact(v.Field(m.index), m))
		}
		return shown
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		shown := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			shown.Index(i).Set(redact(v.Index(i), s))
		}
		return shown
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		shown := reflect.MakeMap(v.Type())
		for _, name := range v.MapKeys() {
			shown.SetMapIndex(name, redact(v.MapIndex(name), s))
		}
		return shown
	case reflect.String:
		return reflect.ValueOf(mask(v.String(), s.Secret)).Convert(v.Type())
	}
	return v
}

// mask returns what is shown of a value.
func mask(text string, secrecy Secrecy) string {
	switch {
	case text == "":
		return ""
	case secrecy == Secret:
		return hidden
	case secrecy == SecretURL:
		return MaskURL(text)
	}
	return text
}

// addressPattern has the scheme, the user with the password, the hosts, the path and the query of an
// address, also of one with several hosts.
var addressPattern = regexp.MustCompile(`^([a-z0-9]+(?:\+[a-z0-9]+)?://)(?:([^/?#]*)@)?([A-Za-z0-9.,:\[\]_-]*)(/[^?#@]*)?(\?[^@]*)?$`)

// MaskURL returns an address without its password. Of a text that is no address it shows nothing.
func MaskURL(text string) string {
	if text == "" {
		return ""
	}
	parts := addressPattern.FindStringSubmatch(text)
	if parts == nil {
		return hidden
	}
	scheme, user, hosts, path, query := parts[1], parts[2], parts[3], parts[4], parts[5]
	if user != "" {
		name, _, hasPassword := strings.Cut(user, ":")
		if !hasPassword {
			name = hiddenPassword // it may be a password in the wrong place
		} else {
			name += ":" + hiddenPassword
		}
		user = name + "@"
	}
	if query != "" {
		query = "?" + hiddenPassword
	}
	return scheme + user + hosts + path + query
}

// isPlaceholder reports whether a value is what Redacted shows instead of a secret.
func isPlaceholder(text string) bool {
	if text == hidden {
		return true
	}
	parts := addressPattern.FindStringSubmatch(text)
	return parts != nil && (parts[2] == hiddenPassword || strings.HasSuffix(parts[2], ":"+hiddenPassword) || parts[5] == "?"+hiddenPassword)
}
