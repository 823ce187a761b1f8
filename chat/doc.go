// Package chat is the chat product: the events by which clients join rooms and talk. It registers them on a namespace
// of the library github.com/zishang520/socket.io/servers/socket/v3 whose adapter is one of package adapter.
package chat
