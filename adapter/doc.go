// Package adapter has the rooms of a server, and carries broadcasts between the servers of a cluster: [New] over a
// [Transport], [NewMemory] on one server. The transports are packages: adapter/pubsub and adapter/sharded over the pub/sub
// of Redis, adapter/streams over its streams, byte-compatible with the Node.js packages, so that Go and Node.js servers
// share one cluster. Package adapter/session makes clients resume their sessions.
//
// A [Cluster] is a socket.AdapterConstructor of the library github.com/zishang520/socket.io/servers/socket/v3:
//
//	transport := pubsub.New(redis.NewClient(...), pubsub.Options{})
//	opts := socket.DefaultServerOptions()
//	opts.SetAdapter(adapter.New(transport, adapter.Options{}))
//	io := socket.NewServer(nil, opts)
//
// To resume sessions on any server of the cluster:
//
//	transport := streams.New(client, streams.Options{})
//	sessions := session.OnRedis(client, transport, session.RedisOptions{})
//	opts.SetAdapter(adapter.New(transport, adapter.Options{Sessions: sessions}))
//
// # Values
//
// With the parser of package codec, what clients of other servers have sent is [encoding/json.RawMessage],
// as it is for clients of this server: arguments of events and answers to a broadcast with
// acknowledgement. It means what was sent, to the last digit, and is the same text but for spaces, the
// escapes of strings and the way to write a number. Node.js servers get of a number what JavaScript
// reads, and null where that is infinite.
//
// An argument with binary inside travels as values, with its keys sorted, and so does everything with
// the library's own parser. Its numbers are integers of 64 bits or float64 on the other side. Handlers of server-side
// events, and what FetchSockets returns of a socket's data, are plain values of encoding/json, with a
// json.Number where a number has no float64.
//
// # Rooms
//
// A room of a Node.js server may be a number, as socket.join(7) makes it, and is another one there than the room of its
// text. Here they are one room, "7": what selects by it selects the sockets of both on Node.js servers. SocketsJoin
// puts them into that of the text.
package adapter
