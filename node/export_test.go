package node

import "chorus/node/config"

// Waits tells whether a request of the session waits for an answer.
func (n *Node) Waits(sid string) bool {
	client, ok := n.engine.Clients().Load(sid)
	return ok && client.Transport().Writable()
}

// Keys returns the keys of all settings.
func Keys() []string { return config.Keys() }
