package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
// and then with the CHORUS_* variables of the environment. CHORUS_X_FILE names a file that holds
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
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(cfg)
	if err != nil && !errors.Is(err, io.EOF) { // an empty file says nothing
		return fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	return nil
}

func readEnvironment(environ []string, cfg *Config) error {
	fields := make(map[string]reflect.Value)
	collectFields(reflect.ValueOf(cfg).Elem(), variablePrefix, fields)

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

// collectFields maps the variable of each setting to its field.
func collectFields(v reflect.Value, prefix string, fields map[string]reflect.Value) {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "-" {
			continue
		}
		name := prefix + strings.ToUpper(key)
		if field := v.Field(i); field.Kind() == reflect.Struct {
			collectFields(field, name+"_", fields)
		} else {
			fields[name] = field
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
