package node

import "github.com/zishang520/socket.io/servers/engine/v3"

// Kill ends all that the node says to others, at once: its clients and Redis hear no goodbye, as after a
// SIGKILL. Close must follow.
func (n *Node) Kill() {
	if n.redis != nil {
		_ = n.redis.Client().Close()
	}
	_ = n.public.Close()
	n.forward.Close()
	n.engine.Clients().Range(func(_ string, client engine.Socket) bool {
		client.Close(true)
		return true
	})
}
