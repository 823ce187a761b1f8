package wire

import (
	"unicode/utf16"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// SubscriptionMode says for which rooms a node with the sharded adapter has a channel of their own. A
// node hears of a room with one only what it has members for, and everything else on one channel for
// all. It must be the same on all servers of a cluster.
type SubscriptionMode string

// The modes, with the names that they have in Node.js.
const (
	// Dynamic is for the rooms that are not a socket's own. It is the default. A socket whose id has
	// not the 20 characters that it has in Node.js counts as any room, since Node.js servers take its id
	// for one; the ids of the library have 24.
	Dynamic SubscriptionMode = "dynamic"
	// DynamicPrivate is for all rooms: what is for one socket reaches one node, at the price of a
	// subscription for each socket.
	DynamicPrivate SubscriptionMode = "dynamic-private"
	// Static has no such channels: every node hears everything.
	Static SubscriptionMode = "static"
)

// ChannelOf returns where a message is published; all is the channel for all servers. Broadcasts with
// acknowledgement go to all servers, since all are expected to answer.
func (mode SubscriptionMode) ChannelOf(all string, m *Message) string {
	if m.Kind != Broadcast || m.RequestID != "" || len(m.Opts.Rooms) != 1 {
		return all
	}
	if room := m.Opts.Rooms[0]; mode.HasChannel(room) {
		return all + string(room) + "#"
	}
	return all
}

// HasChannel reports whether a room has a channel of its own.
func (mode SubscriptionMode) HasChannel(room socket.Room) bool {
	return mode == DynamicPrivate || mode == Dynamic && !looksLikeSocketID(room)
}

// looksLikeSocketID is how Node.js knows the rooms of single sockets, which may be on another server:
// by the length in UTF-16.
func looksLikeSocketID(room socket.Room) bool {
	const idLength = 20
	if len(room) < idLength || len(room) > 3*idLength {
		return false
	}
	n := 0
	for _, r := range string(room) {
		n += utf16.RuneLen(r)
	}
	return n == idLength
}
