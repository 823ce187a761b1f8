package engine_test

import (
	"fmt"
	"net/http"

	"chorus/adapter"
	"chorus/codec"
	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// A server of the library on this engine. The adapter of this project hands broadcasts to the
// engine's shards, the parser keeps arguments as they were sent; both are optional.
func Example() {
	e := engine.New(engine.Options{
		CORS: nil, // web pages of this host only
		AllowRequest: func(r *http.Request) error {
			if r.Header.Get("Origin") == "null" {
				return fmt.Errorf("pages without an origin are not served")
			}
			return nil
		},
	})
	opts := socket.DefaultServerOptions()
	opts.SetAdapter(adapter.NewMemory())
	opts.SetParser(codec.New(codec.Options{}))
	io := socket.NewServer(nil, opts)
	io.Bind(e)
	_ = io.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		_ = s.On("echo", func(args ...any) { _ = s.Emit("echo", args...) })
	})
	http.Handle("/socket.io/", e)
	io.Close(nil)
	// Output:
}
