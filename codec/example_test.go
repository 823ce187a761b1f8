package codec_test

import (
	"fmt"
	"log/slog"

	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func Example() {
	opts := socket.DefaultServerOptions()
	opts.SetParser(codec.New(codec.Options{
		OnUnsendable: func(err error) { slog.Default().Error("emit", slog.Any("error", err)) },
	}))
	io := socket.NewServer(nil, opts)
	_ = io.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		_ = s.On("say", func(args ...any) {
			args, reply := codec.SplitAck(args)
			room, err := codec.Arg[string]("say", args, 0)
			if err != nil || len(args) != 2 {
				reply("say takes a room and anything else")
				return
			}
			_ = s.To(socket.Room(room)).Emit("said", args[1]) // as it came, to the last digit
			reply("ok")
		})
	})
}

func ExampleArg() {
	type point struct{ X, Y float64 }
	args := []any{raw(`{"x":1,"y":2.5}`), raw(`"fast"`)} // as a handler gets them

	to, err := codec.Arg[point]("move", args, 0)
	fmt.Println(to, err)

	_, err = codec.Arg[int]("move", args, 1)
	fmt.Println(err)
	// Output:
	// {1 2.5} <nil>
	// codec: bad argument: event "move", args[1], want int: json: cannot unmarshal string into Go value of type int
}
