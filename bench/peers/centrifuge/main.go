// Command centrifuge is a server made of the library centrifuge with its Redis broker. Clients
// subscribe to a channel, publish to it, and call the procedure "echo".
package main

import (
	"context"
	"net/http"

	"chorus/bench/peers/peer"

	"github.com/centrifugal/centrifuge"
)

func main() {
	flags := peer.Parse()
	node, err := centrifuge.New(centrifuge.Config{})
	peer.Exit(err)
	node.OnConnecting(func(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		subject, err := peer.Subject(flags.Secret, e.Token)
		if err != nil {
			return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
		}
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: subject}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(_ centrifuge.PublishEvent, reply centrifuge.PublishCallback) {
			reply(centrifuge.PublishReply{}, nil)
		})
		client.OnRPC(func(e centrifuge.RPCEvent, reply centrifuge.RPCCallback) {
			if e.Method != "echo" {
				reply(centrifuge.RPCReply{}, centrifuge.ErrorMethodNotFound)
				return
			}
			reply(centrifuge.RPCReply{Data: e.Data}, nil)
		})
	})
	if flags.Redis != "" {
		shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: flags.Redis})
		peer.Exit(err)
		broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
		peer.Exit(err)
		node.SetBroker(broker)
	}
	peer.Exit(node.Run())
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	peer.Exit(peer.Serve(flags.Listen, mux))
}
