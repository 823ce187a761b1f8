// Package wire has the messages that the servers of a cluster send each other, and their bytes as the
// Node.js packages @socket.io/redis-adapter 8, @socket.io/redis-streams-adapter 0.3 and
// @socket.io/redis-emitter 5 write them: MessagePack and JSON. It does not talk to Redis.
//
// A reader such as [ReadBroadcast] returns a [Message] that is decoded only as far as a server needs to
// know whether it concerns anybody: [Message.Decode] and [Message.DecodePacket] read the rest.
package wire
