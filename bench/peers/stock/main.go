// Command stock is a server made of the Socket.IO library and its own Redis adapter as they are:
// what a program has that follows their README.
package main

import (
	"context"
	"errors"

	"chorus/bench/peers/peer"

	rds "github.com/redis/go-redis/v9"
	redis "github.com/zishang520/socket.io/adapters/redis/v3"
	"github.com/zishang520/socket.io/adapters/redis/v3/adapter"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	flags := peer.Parse()
	config := socket.DefaultServerOptions()
	config.SetServeClient(false)
	if flags.Redis != "" {
		config.SetAdapter(&adapter.RedisAdapterBuilder{
			Redis: redis.NewRedisClient(context.Background(), rds.NewClient(&rds.Options{Addr: flags.Redis})),
			Opts:  &adapter.RedisAdapterOptions{},
		})
	}
	io := socket.NewServer(nil, config)
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		token, _ := s.Handshake().Auth["token"].(string)
		subject, err := peer.Subject(flags.Secret, token)
		if err != nil {
			next(socket.NewExtendedError("Authentication error", nil))
			return
		}
		s.SetData(map[string]any{"sub": subject})
		next(nil)
	})
	peer.Exit(errors.Join(
		io.On("connection", func(args ...any) { events(io, args[0].(*socket.Socket)) }),
		peer.Serve(flags.Listen, io.ServeHandler(nil)),
	))
}

func events(io *socket.Server, s *socket.Socket) {
	_ = s.On("message", func(args ...any) {
		if len(args) > 0 {
			_ = io.Emit("message", args[0])
		}
	})
	_ = s.On("echo", func(args ...any) {
		if len(args) != 2 {
			return
		}
		if ack, ok := args[1].(socket.Ack); ok {
			ack(args[:1], nil)
		}
	})
}
