package node

import (
	"encoding/json"
	"slices"
	"strings"

	"chorus/api"
	"chorus/node/config"

	"github.com/goccy/go-yaml"
)

// settings lists the configuration in force with its defaults, in the order of the keys.
func (n *Node) settings() []api.Setting {
	inForce, defaults := flat(n.cfg.Redacted()), flat(config.Default())
	list := make([]api.Setting, 0, len(inForce))
	for key, value := range inForce {
		list = append(list, api.Setting{Key: key, Value: value, Default: defaults[key]})
	}
	slices.SortFunc(list, func(a, b api.Setting) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// flat returns the settings of a configuration by key, as "auth.mode". Lists stand as a whole.
func flat(cfg Config) map[string]any {
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
