package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"strings"
	"syscall"
)

// Sources are what a configuration is made of. Later ones win: defaults, file, variables, flags.
type Sources struct {
	File    string   // path of a YAML file; empty: none
	Environ []string // NAME=VALUE, as os.Environ returns
	Set     []string // KEY=VALUE, as the flag --set has
}

// maxFile bounds the YAML file and the files that settings name.
const maxFile = 4 << 20

// Load returns the configuration that the sources describe. When something is wrong, the error joins all
// faults, and the configuration has the values that are right.
func Load(from Sources) (Config, error) {
	cfg := Default()
	var faults []error
	if from.File != "" {
		faults = append(faults, cfg.readFile(from.File)...)
	}
	faults = append(faults, cfg.readEnvironment(from.Environ)...)
	for _, text := range from.Set {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			faults = append(faults, &Fault{Where: "--set", Err: errors.New("write it as --set KEY=VALUE")})
		} else if err := cfg.Set(key, value); err != nil {
			faults = append(faults, err)
		}
	}
	cfg.faulty = len(faults) > 0
	return cfg, errors.Join(faults...)
}

// Default returns the built-in defaults. They contain no key, so a node rejects them until one is set.
func Default() Config {
	cfg := Config{origins: map[string]string{}}
	setDefaults(reflect.ValueOf(&cfg).Elem(), root().members)
	return cfg
}

// Set changes the setting with the given key, as auth.mode, to what the text says. Commas separate the
// items of a list of texts; other lists, maps and groups are written as YAML or JSON.
func (c *Config) Set(key, value string) error {
	for _, s := range root().leaves() {
		if s.Key == key {
			return errors.Join(c.setLeaf(s, value, "--set")...)
		}
	}
	shown := safeName(key)
	return &Fault{Where: "--set " + shown, Err: unknown(shown, Keys())}
}

// setLeaf sets one setting to a text. where says who set it.
func (c *Config) setLeaf(s *Setting, text, where string) []error {
	c.origins = maps.Clone(c.origins) // copies of a Config share it
	if s.isComposite() {
		t := &tree{file: where, inline: true, origins: c.origins}
		if node := t.parse([]byte(text)); node != nil {
			t.value(node, c.field(s), s, s.Key)
		}
		return t.faults
	}
	if err := s.setText(c.field(s), text); err != nil {
		return []error{&Fault{Where: where, Key: s.Key, Err: err}}
	}
	c.origins[s.Key] = where
	return nil
}

// isComposite reports whether a setting is written as YAML in a variable: it is more than one value.
func (s *Setting) isComposite() bool {
	switch v := reflect.New(s.typ).Interface().(type) {
	case FromYAML, *any:
		return true
	case encoding.TextUnmarshaler, *[]string:
		return false
	default:
		kind := reflect.TypeOf(v).Elem().Kind()
		return kind == reflect.Slice || kind == reflect.Map || kind == reflect.Pointer && len(s.members) > 0
	}
}

// field returns the field of a setting outside lists and maps.
func (c *Config) field(s *Setting) reflect.Value {
	v, members := reflect.ValueOf(c).Elem(), root().members
	for {
		for _, m := range members {
			if m == s {
				return v.Field(m.index)
			}
			if m.isGroup() && strings.HasPrefix(s.Key, m.Key+".") {
				v, members = v.Field(m.index), m.members
				break
			}
		}
	}
}

// readFile overlays c with a YAML file.
func (c *Config) readFile(path string) []error {
	text, err := readText(path)
	if err != nil {
		return []error{&Fault{Where: path, Err: err}}
	}
	t := &tree{file: path, origins: c.origins}
	if node := t.parse(text); node != nil {
		t.group(node, reflect.ValueOf(c).Elem(), root().members, "")
	}
	return t.faults
}

var (
	errUTF16   = errors.New("the file is UTF-16: save it as UTF-8")
	errTooLong = fmt.Errorf("the file has more than %d bytes", maxFile)

	utf8BOM = []byte("\xef\xbb\xbf")
)

// readText is ReadFile for a configuration and for the files that variables name.
func readText(path string) ([]byte, error) {
	text, err := ReadFile(path)
	if reason := syscall.Errno(0); errors.As(err, &reason) {
		err = fmt.Errorf("the file cannot be read: %w", err)
	}
	return text, err
}

// ReadFile returns what a file has, without a byte order mark. Its errors do not repeat the path: a secret may stand where
// its path belongs.
func ReadFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's own choice of file
	if err != nil {
		return nil, withoutPath(err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case len(text) > maxFile:
		return nil, errTooLong
	case isUTF16(text):
		return nil, errUTF16
	}
	return bytes.TrimPrefix(text, utf8BOM), nil
}

// isUTF16 reports whether a file is text as Windows programs write it: a mark, then every second byte 0.
func isUTF16(text []byte) bool {
	if len(text) < 4 || len(text)%2 != 0 || !bytes.HasPrefix(text, []byte("\xff\xfe")) && !bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return false
	}
	odd := 0
	if text[0] == 0xff {
		odd = 1
	}
	for i := 2; i < len(text); i += 2 {
		if text[i+odd] != 0 {
			return false
		}
	}
	return true
}

// withoutPath returns the reason of an error about a file.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return errors.New("the file cannot be read")
}
