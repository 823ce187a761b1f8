// Package codec turns Socket.IO packets into frames and back (Socket.IO protocol, revision 5). It is
// a parser for the library github.com/zishang520/socket.io/servers/socket/v3:
//
//	opts := socket.DefaultServerOptions()
//	opts.SetParser(codec.New(codec.Options{}))
//
// # Arguments stay as they were sent
//
// What a client sends is checked once and then kept as it is: a handler gets the event's arguments
// as [encoding/json.RawMessage], and an argument that is emitted again goes out byte for byte, with
// every digit of its numbers, the order of its keys and its duplicate keys. [Arg] gives a handler
// the Go value that it wants:
//
//	s.On("move", func(args ...any) {
//		args, ack := codec.SplitAck(args)
//		to, err := codec.Arg[Point]("move", args, 0)
//		...
//	})
//
// An argument that has attachments in it is decoded instead, to string, bool, nil,
// [encoding/json.Number], []any, map[string]any, and []byte for each attachment. Acknowledgements
// of clients follow the same rules.
//
// # What is refused
//
// A packet that is not as the protocol says is an error that wraps [ErrInvalidPacket], and the
// library closes the connection. So is one that could harm those who get it: text that is not
// UTF-8, which browsers close the connection for; an attachment that is named twice, with which a
// small packet would become a large one; nesting that exhausts a recursive parser.
//
// What a program emits can be wrong as well, and the library has no way to say so: see
// [Options.OnUnsendable].
package codec
