package node

import (
	"slices"
	"strings"

	"chorus/api"
	"chorus/node/config"
)

// settings lists the configuration in force with its defaults, in the order of the keys.
func (n *Node) settings() []api.Setting {
	inForce, defaults := config.Flatten(n.cfg.Redacted()), config.Flatten(config.Default())
	list := make([]api.Setting, 0, len(inForce))
	for key, value := range inForce {
		list = append(list, api.Setting{Key: key, Value: value, Default: defaults[key]})
	}
	slices.SortFunc(list, func(a, b api.Setting) int { return strings.Compare(a.Key, b.Key) })
	return list
}
