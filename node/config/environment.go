package config

import (
	"bytes"
	"errors"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	variablePrefix = "CHORUS_"
	fileSuffix     = "_FILE"
)

// Variable returns the variable of a key: CHORUS_AUTH_MODE of auth.mode.
func Variable(key string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// readEnvironment overlays c with the variables. CHORUS_X_FILE names a file that holds the value of
// CHORUS_X, and wins over it.
func (c *Config) readEnvironment(environ []string) (faults []error) {
	settings := make(map[string]*Setting)
	for _, s := range root().leaves() {
		settings[Variable(s.Key)] = s
	}
	names := slices.Sorted(maps.Keys(settings))
	for _, entry := range slices.Sorted(slices.Values(environ)) { // faults always come in one order
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) {
			continue
		}
		where := "variable " + name
		s, known := settings[name]
		if base, isFile := strings.CutSuffix(name, fileSuffix); !known && isFile {
			if s, known = settings[base]; known {
				text, err := readValue(value)
				if err != nil {
					faults = append(faults, &Fault{Where: where, Err: err})
					continue
				}
				value = text
			}
		}
		switch {
		case known:
			faults = append(faults, c.setLeaf(s, value, where)...)
		case name == "CHORUS_API_URL" || name == "CHORUS_API_KEY": // of commands that speak to the HTTP API
		case !fromKubernetes(name, value):
			faults = append(faults, &Fault{Where: where, Err: unknownVariable(name, names)})
		}
	}
	return faults
}

// unknownVariable returns the error about a variable that does not exist.
func unknownVariable(name string, names []string) error {
	if name == "CHORUS_PORT" { // what platforms call it
		return suggestion{"CHORUS_LISTEN"}
	}
	if base, isFile := strings.CutSuffix(name, fileSuffix); isFile {
		if near := nearest(base, names); near != "" {
			return suggestion{near + fileSuffix}
		}
	}
	return unknown(name, names)
}

// readValue returns the value that a file holds. White space around a text is left out: editors and shells
// add a newline. Binary values are used byte for byte.
func readValue(path string) (string, error) {
	text, err := readText(path)
	if err != nil || isBinary(text) {
		return string(text), err
	}
	return string(bytes.TrimSpace(text)), nil
}

// isBinary reports whether a file is no text: not UTF-8, or with control characters.
func isBinary(text []byte) bool {
	return !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) })
}

// serviceVariables are the variables that Kubernetes gives every pod for a Service whose name starts with
// chorus, and what their values must be, so that misspelt settings are still found.
var serviceVariables = []struct {
	name  *regexp.Regexp
	value func(string) bool
}{
	{serviceVariable(`SERVICE_HOST|PORT_\d+_(TCP|UDP|SCTP)_ADDR`), isAddress},
	{serviceVariable(`SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)_PORT`), isPort},
	{serviceVariable(`PORT_\d+_(TCP|UDP|SCTP)_PROTO`), isProtocol},
	{serviceVariable(`PORT(_\d+_(TCP|UDP|SCTP))?`), isServiceURL},
}

func serviceVariable(end string) *regexp.Regexp {
	return regexp.MustCompile(`^CHORUS(_[A-Z0-9_]+)?_(` + end + `)$`)
}

// fromKubernetes reports whether a variable is one that Kubernetes makes of a Service.
func fromKubernetes(name, value string) bool {
	for _, v := range serviceVariables {
		if v.name.MatchString(name) && v.value(value) {
			return true
		}
	}
	return false
}

func isServiceURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isProtocol(u.Scheme) && isAddress(u.Hostname()) && isPort(u.Port()) && u.Path == ""
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

func isProtocol(text string) bool { return text == "tcp" || text == "udp" || text == "sctp" }

var errPlaceholder = errors.New("this is what chorus check shows instead of a secret: set the secret itself")
