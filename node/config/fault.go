package config

import (
	"errors"
	"strings"
)

// ErrConfig is wrapped by every error about the configuration. Its text names the setting, and where it
// was set.
var ErrConfig = errors.New("configuration")

// ErrStart is wrapped by the errors of a node that cannot start; their text says what to do.
var ErrStart = errors.New("cannot start")

var errUnknown = errors.New("there is no such setting")

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Where string // chorus.yaml:3:7, or "variable CHORUS_AUTH_MODE", or --set; empty when nothing was set
	Key   string // of the setting; empty when Where names it
	Err   error
}

func (f *Fault) Error() string {
	parts := []string{ErrConfig.Error()}
	for _, part := range []string{f.Where, f.Key} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, f.Err.Error()), ": ")
}

// Unwrap returns ErrConfig and the cause.
func (f *Fault) Unwrap() []error { return []error{ErrConfig, f.Err} }

// Fault returns an error about the setting with the given key. It says where the setting was set.
func (c *Config) Fault(key string, err error) error {
	where, known := c.origins[key]
	for at := key; !known && at != ""; where, known = c.origins[at] { // else where its group was set
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	return &Fault{Where: where, Key: key, Err: err}
}

// unknown returns the error about a name that does not exist, with the nearest of those that do.
func unknown(name string, known []string) error {
	if nearest := nearest(name, known); nearest != "" {
		return suggestion{nearest}
	}
	return errUnknown
}

type suggestion struct{ nearest string }

func (s suggestion) Error() string { return errUnknown.Error() + "; did you mean " + s.nearest + "?" }
func (s suggestion) Unwrap() error { return errUnknown }
