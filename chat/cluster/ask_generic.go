package cluster

import (
	"encoding/json"
)

// Answers has this node answer the questions of a kind, which Ask asks on any node. Register before the node runs.
func Answers[Q, A any](c *Nodes, kind string, fn func(Q) A) {
	c.Answer(kind, func(args json.RawMessage) any {
		var q Q
		_ = json.Unmarshal(args, &q) // what a later version asks otherwise is answered as if it had not been said
		return fn(q)
	})
}
