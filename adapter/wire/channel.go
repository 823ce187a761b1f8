package wire

import (
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// DefaultPrefix of all channels and streams.
const DefaultPrefix = "socket.io"

// Channels are the names on Redis that belong to one namespace.
type Channels struct {
	Broadcast   string // exactly this, or this + ROOM + "#"
	Pattern     string // matches both
	Request     string
	Response    string
	OwnResponse string // for servers that answer the asker alone
}

// NewChannels returns the names of a namespace; uid is that of the server.
func NewChannels(prefix, nsp, uid string) Channels {
	broadcast := prefix + "#" + nsp + "#"
	response := prefix + "-response#" + nsp + "#"
	return Channels{
		Broadcast:   broadcast,
		Pattern:     globEscaper.Replace(broadcast) + "*",
		Request:     prefix + "-request#" + nsp + "#",
		Response:    response,
		OwnResponse: response + uid + "#",
	}
}

// globEscaper keeps a namespace such as "/a*" from matching the channels of others.
var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// BroadcastTo returns the channel of a broadcast: the room's own when there is exactly one.
func (c *Channels) BroadcastTo(rooms []socket.Room) string {
	if len(rooms) == 1 {
		return c.Broadcast + string(rooms[0]) + "#"
	}
	return c.Broadcast
}

// RoomOf returns the room in the name of a broadcast channel, "" when there is none. A room may
// itself contain '#': it is what stands between the prefix and the last one.
func (c *Channels) RoomOf(channel string) socket.Room {
	room, ok := strings.CutPrefix(channel, c.Broadcast)
	if !ok {
		return ""
	}
	if end := strings.LastIndexByte(room, '#'); end >= 0 {
		room = room[:end]
	}
	return socket.Room(room)
}
