package emitter_test

import (
	"context"
	"log"

	"chorus/adapter/emitter"

	"github.com/redis/go-redis/v9"
)

func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer client.Close()

	ctx := context.Background()
	e := emitter.New(client, emitter.Options{})
	if err := e.To("lobby").Except("muted").Emit(ctx, "message", map[string]any{"text": "hi"}); err != nil {
		log.Print(err)
	}
	if err := e.Of("/chat").In("banned").DisconnectSockets(ctx, true); err != nil {
		log.Print(err)
	}
}
