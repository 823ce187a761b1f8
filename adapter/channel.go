package adapter

import (
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// channels are the names on Redis that belong to one namespace.
type channels struct {
	broadcast   string // exactly this, or this + ROOM + "#"
	pattern     string // matches both
	request     string
	response    string
	ownResponse string // for servers that answer the asker alone
}

func newChannels(prefix, nsp, uid string) channels {
	broadcast := prefix + "#" + nsp + "#"
	response := prefix + "-response#" + nsp + "#"
	return channels{
		broadcast:   broadcast,
		pattern:     globEscaper.Replace(broadcast) + "*",
		request:     prefix + "-request#" + nsp + "#",
		response:    response,
		ownResponse: response + uid + "#",
	}
}

// globEscaper keeps a namespace such as "/a*" from matching the channels of others.
var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// broadcastTo returns the channel of a broadcast: the room's own when there is exactly one.
func (c *channels) broadcastTo(rooms []socket.Room) string {
	if len(rooms) == 1 {
		return c.broadcast + string(rooms[0]) + "#"
	}
	return c.broadcast
}

// roomOf returns the room in the name of a broadcast channel, "" when there is none. A room may
// itself contain '#': it is what stands between the prefix and the last one.
func (c *channels) roomOf(channel string) socket.Room {
	room, ok := strings.CutPrefix(channel, c.broadcast)
	if !ok {
		return ""
	}
	if end := strings.LastIndexByte(room, '#'); end >= 0 {
		room = room[:end]
	}
	return socket.Room(room)
}
