package node

// Waits tells whether a request of the session waits for an answer.
func (n *Node) Waits(sid string) bool {
	client, ok := n.engine.Clients().Load(sid)
	return ok && client.Transport().Writable()
}
