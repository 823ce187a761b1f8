// Package engine speaks Engine.IO, revision 4 and, when allowed, 3: handshake, WebSocket, HTTP
// long-polling, the upgrade between them, heartbeat. It is an engine for the library
// github.com/zishang520/socket.io/servers/socket/v3:
//
//	e := engine.New(engine.Options{})
//	io := socket.NewServer(nil, socket.DefaultServerOptions())
//	io.Bind(e)
//	http.Handle("/socket.io/", e)
//
// # How it writes
//
// Connections are spread over a few shards, one for each core. Whatever is to be written, a
// broadcast as well as an answer to one client, is appended to the inbox of a shard, and the
// shard's goroutine takes all that waits at once: it joins what each connection gets into one
// piece, the same piece for all connections that get the same, and gives each connection one
// write that does not block. While it does so, the next batch gathers. So there is one order per
// connection over all paths, and under load many messages share a system call.
//
// What a connection cannot take waits for it, up to [Options.MaxBuffer]; a connection that stays
// behind is closed with the reason [ReasonSlowConsumer]. See [Broadcast] and [NewMessage].
//
// # How it reads
//
// On Linux a poller for each shard reads the WebSockets with one goroutine; a handler that waits keeps it, and another one
// goes on. With TLS, and on other systems, a WebSocket has a goroutine of its own. The engine stops reading while
// more than [Options.MaxUnprocessed] messages wait for the program, so that a flood is held back
// by TCP: see [Conn.Follow].
package engine
