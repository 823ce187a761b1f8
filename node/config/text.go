package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// setText parses the text of a variable, of a flag or of a scalar in YAML. In a list of texts, commas
// separate the items.
func (s *Setting) setText(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		item := reflect.New(v.Type().Elem())
		if err := s.setText(item.Elem(), text); err != nil {
			return err
		}
		v.Set(item)
		return nil
	}
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%s is not a duration such as 30s, 2m or 1d", s.quote(text))
		}
		*target = d
		return nil
	case encoding.TextUnmarshaler:
		if err := target.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%s is wrong: %w", s.quote(text), err)
		}
		return nil
	case *[]string:
		*target = splitList(text)
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%s is not true or false", s.quote(text))
		}
		v.SetBool(b)
	case reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%s is not a whole %s", s.quote(text), typeName(v.Type(), s.Unit))
		}
		v.SetInt(n)
	default:
		return errors.New("a list, a map or a group belongs here, not one value")
	}
	return nil
}

func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// quote returns a value for an error, unless the value must not be shown.
func (s *Setting) quote(text string) string {
	const longest = 200
	if s.Secret != Public {
		return "the value"
	}
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return strconv.Quote(text)
}

// formatValue writes a value as setText reads it.
func formatValue(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return FormatDuration(value)
	case fmt.Stringer:
		return value.String()
	case []string:
		return strings.Join(value, ", ")
	}
	return fmt.Sprint(v.Interface())
}

// setDefaults sets the members of a group to what their default tags say.
func setDefaults(v reflect.Value, members []*Setting) {
	for _, s := range members {
		field := v.Field(s.index)
		switch {
		case s.isGroup():
			setDefaults(field, s.members)
		case s.Default != "":
			if err := s.setText(field, s.Default); err != nil {
				panic(fmt.Sprintf("the default of %s: %v", s.Key, err))
			}
		}
	}
}
