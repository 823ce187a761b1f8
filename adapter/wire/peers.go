package wire

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// PeersOnly is a room that a broadcast leaves out to say that the nodes of this project have its message in another
// way. No socket is in such a room, so servers of others send the message as if it were not there.
const PeersOnly = socket.Room("\x00peers only\x00")

// ForPeers reports whether a broadcast is for servers that are not of this project.
func (o *Options) ForPeers() bool { return slices.Contains(o.Except, PeersOnly) }
