package chat

import (
	"context"
	"encoding/json"
)

// Answers has this node answer the questions of a kind, which Ask asks on any node. Register before the node runs.
func Answers[Q, A any](c *Chat, kind string, fn func(Q) A) {
	c.Answer(kind, func(args json.RawMessage) any {
		var q Q
		_ = json.Unmarshal(args, &q) // what a later version asks otherwise is answered as if it had not been said
		return fn(q)
	})
}

// Ask asks every node of the cluster, this one included, and hands each answer to collect, one after the other. It returns
// the ids of the nodes that did not answer in time.
func Ask[Q, A any](ctx context.Context, c *Chat, kind string, q Q, collect func(node string, a A)) (missing []string, err error) {
	return ask(ctx, c, kind, q, collect)
}
