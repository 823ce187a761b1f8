// Package adapter holds rooms and carries broadcasts: [NewMemory] on one node, [NewRedis] between
// the nodes of a cluster over Redis pub/sub, byte-compatible with the Node.js package
// @socket.io/redis-adapter 8, so that Go and Node.js servers share one cluster.
//
// Both return a socket.AdapterConstructor of the library
// github.com/zishang520/socket.io/servers/socket/v3:
//
//	opts := socket.DefaultServerOptions()
//	opts.SetAdapter(adapter.NewRedis(redis.NewClient(...), adapter.RedisOptions{}))
//	io := socket.NewServer(nil, opts)
package adapter
