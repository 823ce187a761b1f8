package node

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

const variablePrefix = "CHORUS_"

// ErrConfig is wrapped by every error about configuration; its text names the key or variable.
var ErrConfig = errors.New("configuration")

// LoadConfig returns the defaults, overlaid with the YAML file at path (none when path is empty)
// and then with the CHORUS_* variables of the environment; flags are the caller's to Set. CHORUS_X_FILE names a file that holds
// the value of CHORUS_X, for secrets. Keys and variables that do not exist are errors.
func LoadConfig(path string) (Config, error) {
	cfg := DefaultConfig()
	if path != "" {
		if err := readFile(path, &cfg); err != nil {
			return cfg, err
		}
	}
	return cfg, readEnvironment(os.Environ(), &cfg)
}

func readFile(path string, cfg *Config) error {
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own choice of file
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		// One line: the position and what is wrong there, without the lines around it.
		return fmt.Errorf("%w: %s: %s", ErrConfig, path, yaml.FormatError(err, false, false))
	}
	if err := setTree(tree, "", settings(cfg)); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	return nil
}

// setTree sets what a YAML mapping says; prefix is the key of the mapping with a dot behind it.
func setTree(tree map[string]any, prefix string, fields map[string]reflect.Value) error {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		key, value := prefix+name, tree[name]
		var err error
		if branch, ok := value.(map[string]any); ok {
			err = setTree(branch, key+".", fields)
		} else if field, ok := fields[key]; !ok {
			err = fmt.Errorf("%s: there is no such setting", key)
		} else if setErr := setValue(field, value); setErr != nil {
			err = fmt.Errorf("%s: %w", key, setErr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setValue sets a field to a value of YAML.
func setValue(field reflect.Value, value any) error {
	switch v := value.(type) {
	case nil:
		return nil // a key with nothing behind it says nothing
	case string:
		return setField(field, v)
	case []any:
		list := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return fmt.Errorf("%v is not a text: put it in quotes", item)
			}
			list[i] = text
		}
		if field.Type() != reflect.TypeFor[[]string]() {
			return errors.New("a list where one value is expected")
		}
		field.Set(reflect.ValueOf(list))
		return nil
	default:
		if field.Kind() == reflect.String {
			return fmt.Errorf("%v is not a text: put it in quotes", v)
		}
		return setField(field, fmt.Sprint(v))
	}
}

// Set changes the setting with the given key, as "auth.mode"; lists are separated by commas.
func (c *Config) Set(key, value string) error {
	field, ok := settings(c)[key]
	if !ok {
		return fmt.Errorf("%w: %s: there is no such setting", ErrConfig, key)
	}
	if err := setField(field, value); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrConfig, key, err)
	}
	return nil
}

// variableOf returns the variable of a key.
func variableOf(key string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func readEnvironment(environ []string, cfg *Config) error {
	fields := make(map[string]reflect.Value)
	for key, field := range settings(cfg) {
		fields[variableOf(key)] = field
	}
	slices.Sort(environ) // one error of several is always the same
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || fromKubernetes(name) {
			continue
		}
		field, ok := fields[name]
		if base, isFile := strings.CutSuffix(name, "_FILE"); !ok && isFile {
			if field, ok = fields[base]; ok {
				text, err := os.ReadFile(value) //nolint:gosec // the operator's own choice of file
				if err != nil {
					return fmt.Errorf("%w: variable %s: %w", ErrConfig, name, err)
				}
				value = strings.TrimSpace(string(text))
			}
		}
		if !ok {
			return fmt.Errorf("%w: variable %s: there is no such setting", ErrConfig, name)
		}
		if err := setField(field, value); err != nil {
			return fmt.Errorf("%w: variable %s: %w", ErrConfig, name, err)
		}
	}
	return nil
}

// fromKubernetes tells the variables that Kubernetes makes of a service named "chorus".
func fromKubernetes(name string) bool {
	return name == "CHORUS_PORT" || strings.HasPrefix(name, "CHORUS_PORT_") || strings.HasPrefix(name, "CHORUS_SERVICE_")
}

// settings maps the key of each setting, as "auth.mode", to its field.
func settings(cfg *Config) map[string]reflect.Value {
	fields := make(map[string]reflect.Value)
	collectFields(reflect.ValueOf(cfg).Elem(), "", fields)
	return fields
}

func collectFields(v reflect.Value, prefix string, fields map[string]reflect.Value) {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "-" {
			continue
		}
		if field := v.Field(i); field.Kind() == reflect.Struct {
			collectFields(field, prefix+key+".", fields)
		} else {
			fields[prefix+key] = field
		}
	}
}

// setField parses a variable's text for its field; list values are separated by commas.
func setField(field reflect.Value, text string) error {
	switch field.Interface().(type) {
	case string:
		field.SetString(text)
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not true or false", text)
		}
		field.SetBool(b)
	case int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		field.SetInt(n)
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 30s or 2m", text)
		}
		field.SetInt(int64(d))
	case []string:
		var list []string
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		field.Set(reflect.ValueOf(list))
	default:
		return fmt.Errorf("a setting of type %s cannot come from a variable", field.Type())
	}
	return nil
}
