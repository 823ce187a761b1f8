// Command centrifuge is a server made of the library centrifuge with its Redis broker. Clients
// subscribe to a channel, publish to it, and call the procedure "echo". Channels "history-..." keep their messages, channels
// "presence-..." keep presence and send joins and leaves.
package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"chorus/bench/peers/peer"

	"github.com/centrifugal/centrifuge"
)

// The history of channels whose names begin with "history-".
const (
	historySize = 1000
	historyAge  = 24 * time.Hour
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
		client.OnSubscribe(func(e centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			present := strings.HasPrefix(e.Channel, "presence-")
			reply(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{
				EmitPresence: present, EmitJoinLeave: present, PushJoinLeave: present,
				EnableRecovery: strings.HasPrefix(e.Channel, "history-"),
			}}, nil)
		})
		client.OnPublish(func(e centrifuge.PublishEvent, reply centrifuge.PublishCallback) {
			if !strings.HasPrefix(e.Channel, "history-") {
				reply(centrifuge.PublishReply{}, nil)
				return
			}
			reply(centrifuge.PublishReply{Options: centrifuge.PublishOptions{HistorySize: historySize, HistoryTTL: historyAge}}, nil)
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
		presence, err := centrifuge.NewRedisPresenceManager(node, centrifuge.RedisPresenceManagerConfig{Shards: []*centrifuge.RedisShard{shard}})
		peer.Exit(err)
		node.SetPresenceManager(presence)
	}
	peer.Exit(node.Run())
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{Compression: flags.Deflate, CompressionLevel: 1, CompressionMinSize: 1024}))
	peer.Exit(peer.Serve(flags.Listen, mux))
}
