// Package adapter holds rooms and carries broadcasts: [NewMemory] on one node, [NewRedis] between
// the nodes of a cluster over Redis pub/sub, byte-compatible with the Node.js package
// @socket.io/redis-adapter 8, so that Go and Node.js servers share one cluster. [NewSharded] does the
// same on the sharded pub/sub of Redis 7, [NewStreams] in streams, so that a node which lost Redis
// delivers what it missed. [RecoveryOptions] give clients that return their sessions back.
//
// All return a socket.AdapterConstructor of the library
// github.com/zishang520/socket.io/servers/socket/v3:
//
//	opts := socket.DefaultServerOptions()
//	opts.SetAdapter(adapter.NewRedis(redis.NewClient(...), adapter.RedisOptions{}))
//	io := socket.NewServer(nil, opts)
//
// # Values
//
// With the parser of package codec, what clients of other nodes have sent is [encoding/json.RawMessage],
// as it is for clients of this node: arguments of events and answers to a broadcast with
// acknowledgement. It means what was sent, to the last digit, and is the same text but for spaces, the
// escapes of strings and the way to write a number. Node.js servers get of a number what JavaScript
// reads, and null where that is infinite.
//
// An argument with binary inside travels as values, with its keys sorted, and so does everything with
// the library's own parser. Its numbers are integers of 64 bits or float64 on the other side. Handlers of server-side
// events, and what FetchSockets says of a socket's data, are plain values of encoding/json, with a
// json.Number where a number has no float64.
//
// # Rooms
//
// A room of a Node.js server may be a number, as socket.join(7) makes it, and is another one there than the room of its
// text. Here they are one room, "7": what selects by it selects the sockets of both on Node.js servers. SocketsJoin
// puts them into that of the text.
package adapter
