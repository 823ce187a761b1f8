package config

import (
	"reflect"
)

// Changes returns the keys of the settings that differ: those that a running node takes over, and those that need a
// restart.
func Changes(before, after *Config) (reload, restart []string) {
	var compare func(a, b reflect.Value, members []*Setting)
	compare = func(a, b reflect.Value, members []*Setting) {
		for _, s := range members {
			x, y := a.Field(s.index), b.Field(s.index)
			switch {
			case s.isGroup():
				compare(x, y, s.members)
			case reflect.DeepEqual(x.Interface(), y.Interface()):
			case s.Reload:
				reload = append(reload, s.Key)
			default:
				restart = append(restart, s.Key)
			}
		}
	}
	compare(reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem(), root().members)
	return reload, restart
}
