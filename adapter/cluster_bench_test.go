package adapter

import (
	"encoding/json"
	"runtime"
	"testing"

	"chorus/adapter/wire"
	"chorus/codec"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// benchNode returns the adapter of the main namespace of a node whose Redis is away: nothing is
// measured but what the node does.
func benchNode(b *testing.B) (*Redis, socket.Adapter) {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	r := NewRedis(client, RedisOptions{})
	opts := socket.DefaultServerOptions()
	opts.SetParser(codec.New(codec.Options{}))
	opts.SetAdapter(r)
	io := socket.NewServer(nil, opts)
	b.Cleanup(func() {
		io.Close(nil)
		_ = r.Close(b.Context())
		_ = client.Close()
	})
	a := io.Sockets().Adapter()
	a.AddAll("member", types.NewSet[socket.Room]("here"))
	return r, a
}

func benchPacket() *parser.Packet {
	return &parser.Packet{Type: parser.EVENT, Data: []any{"message", json.RawMessage(`{"from":"ada","text":"hello, all of you","at":1795471069794}`)}}
}

func BenchmarkClusterPublish(b *testing.B) {
	_, a := benchNode(b)
	opts := &socket.BroadcastOptions{Rooms: types.NewSet[socket.Room]("away"), Flags: &socket.BroadcastFlags{}}
	b.ReportAllocs()
	for b.Loop() {
		a.Broadcast(benchPacket(), opts)
	}
}

// BenchmarkClusterReceive receives broadcasts of another node: for a room in the channel's name, for
// several rooms, which stand behind the packet, and for rooms with a member, where it is decoded.
func BenchmarkClusterReceive(b *testing.B) {
	for _, test := range []struct {
		name  string
		rooms []socket.Room
	}{
		{"foreign room", []socket.Room{"away"}},
		{"foreign rooms", []socket.Room{"away", "far"}},
		{"member's room", []socket.Room{"here"}},
		{"member's rooms", []socket.Room{"here", "far"}},
	} {
		b.Run(test.name, func(b *testing.B) {
			r, _ := benchNode(b)
			payload, err := wire.EncodeBroadcast("another", benchPacket(), "/", wire.Options{Rooms: test.rooms})
			if err != nil {
				b.Fatal(err)
			}
			names := wire.NewChannels(wire.DefaultPrefix, "/", "UID")
			m := &redis.Message{Channel: names.BroadcastTo(test.rooms), Pattern: names.Pattern, Payload: string(payload)}
			b.ReportAllocs()
			for b.Loop() {
				r.listener.(*subscriber).handle(m)
			}
			if n := r.stats.Malformed.Load(); n > 0 {
				b.Fatalf("%d messages were not understood", n)
			}
		})
	}
}

// BenchmarkClusterBacklog is the same by way of the queue between who reads from Redis and the handlers.
func BenchmarkClusterBacklog(b *testing.B) {
	for _, room := range []socket.Room{"away", "here"} {
		b.Run(string(room), func(b *testing.B) {
			r, _ := benchNode(b)
			payload, err := wire.EncodeBroadcast("another", benchPacket(), "/", wire.Options{Rooms: []socket.Room{room}})
			if err != nil {
				b.Fatal(err)
			}
			names := wire.NewChannels(wire.DefaultPrefix, "/", "UID")
			m := &redis.Message{Channel: names.BroadcastTo([]socket.Room{room}), Pattern: names.Pattern, Payload: string(payload)}
			s := r.listener.(*subscriber)
			b.ReportAllocs()
			for b.Loop() {
				for r.stats.Unhandled.Load() > DefaultMaxUnhandled/2 {
					runtime.Gosched()
				}
				_ = s.receive(m)
			}
			for r.stats.Unhandled.Load() > 0 {
				runtime.Gosched()
			}
			if n := r.stats.Missed.Load(); n > 0 {
				b.Fatalf("%d messages were dropped", n)
			}
		})
	}
}

// BenchmarkFrame is a broadcast in the bytes of the sharded adapter: encoded, received for rooms that
// nobody here is in, and for rooms with a member.
func BenchmarkFrame(b *testing.B) {
	_, adapter := benchNode(b)
	a, ok := adapter.(*clusterAdapter)
	if !ok {
		b.Fatalf("the adapter is a %T", adapter)
	}
	message := func(rooms ...socket.Room) *wire.Message {
		return &wire.Message{Kind: wire.Broadcast, Packet: benchPacket(), Opts: wire.Options{Rooms: rooms}}
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		m := message("away")
		for b.Loop() {
			if _, err := wire.AppendFrame(nil, "0123456789abcdef", "/", m); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, rooms := range map[string][]socket.Room{"foreign rooms": {"away", "far"}, "member's rooms": {"here", "far"}} {
		b.Run(name, func(b *testing.B) {
			payload, err := wire.AppendFrame(nil, "0123456789abcdef", "/", message(rooms...))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				m, err := wire.ReadFrame(payload)
				if err == nil {
					err = a.Receive(m)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
