package config

import (
	"encoding/json"

	"github.com/goccy/go-yaml"
)

// Flatten returns the settings of a configuration by key, as "auth.mode". Lists stand as a whole.
func Flatten(cfg Config) map[string]any {
	found := map[string]any{}
	text, err := yaml.Marshal(cfg)
	if err == nil {
		text, err = yaml.YAMLToJSON(text)
	}
	var tree map[string]any
	if err != nil || json.Unmarshal(text, &tree) != nil {
		return found
	}
	var add func(prefix string, tree map[string]any)
	add = func(prefix string, tree map[string]any) {
		for name, value := range tree {
			if group, ok := value.(map[string]any); ok && len(group) > 0 {
				add(prefix+name+".", group)
				continue
			}
			found[prefix+name] = value
		}
	}
	add("", tree)
	return found
}
