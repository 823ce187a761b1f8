package chat_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"chorus/adapter"
	"chorus/adapter/pubsub"
	hub "chorus/adapter/redis"
	"chorus/chat"
	chatredis "chorus/chat/redis"
	"chorus/internal/redistest"
	"chorus/registry"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// A whole publish of 200 bytes, from the call of a program to the answer of Redis, in a room with history and in one
// without: 64 at a time on one node.
func BenchmarkPublish(b *testing.B) {
	server := redistest.Start(b, redistest.Options{})
	client := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true, Protocol: 2})
	nodes := registry.New(registry.Options{Client: client})
	kept := chatredis.New(chatredis.Options{Client: client, Nodes: nodes})
	transport := pubsub.New(client, pubsub.Options{Options: hub.Options{}})
	opts := socket.DefaultServerOptions()
	opts.SetAdapter(adapter.New(transport, adapter.Options{}))
	opts.SetServeClient(false)
	io := socket.NewServer(nil, opts)
	c, err := chat.New(io.Sockets(), chat.Options{Store: kept, Rooms: []chat.RoomPolicy{{Match: "kept", History: chat.Bounds{Messages: 1000}}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx := context.Background()
		c.Close()
		_ = kept.Close(ctx)
		_ = nodes.Close(ctx)
		io.Close(nil)
		_ = transport.Close(ctx)
		_ = client.Close()
	})
	redistest.Eventually(b, "Redis takes messages", func() bool { return transport.Health() == nil && nodes.Health() == nil })
	value := json.RawMessage(`"` + strings.Repeat("x", 198) + `"`)
	for name, room := range map[string]string{"without history": "plain", "with history": "kept"} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := c.Publish(context.Background(), chat.Post{Room: room, Value: value, From: chat.User{ID: "alice"}}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
