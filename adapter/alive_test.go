package adapter_test

import (
	"strings"
	"testing"

	"chorus/adapter/session"
	"chorus/adapter/wire"
	"chorus/internal/redistest"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestLateJoins: a socket that has ended joins nothing, whenever and however it tries, and what it has
// joined in a middleware ends with its connection. The subscriptions end as well.
func TestLateJoins(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	n := startNode(t, shardedAddr(addr, wire.DynamicPrivate), settings{})
	for name, nsp := range map[string]socket.Namespace{
		"main": n.Sockets(), "static": n.namespace("/static"),
		"child": nil, // made by the first client
	} {
		t.Run(name, func(t *testing.T) {
			path := "/" + strings.TrimPrefix(name, "main")
			var use func(socket.NamespaceMiddleware) socket.Namespace
			if nsp != nil {
				use = nsp.Use
			} else {
				match := socket.ParentNspNameMatchFn(new(func(_ string, _ map[string]any, next func(error, bool)) { next(nil, true) }))
				use = n.Of(match, nil).Use
			}
			deciding := make(chan *socket.Socket, 1)
			use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
				s.Join("middleware")
				switch s.Handshake().Auth["mode"] {
				case "silent": // and never an answer
				case "refused":
					next(socket.NewExtendedError("refused", nil))
				default:
					next(nil)
				}
				deciding <- s
			})
			enter := func(mode string) (*client, *socket.Socket) {
				c := dial(t, n, path, 1024)
				c.send("0" + c.address() + `{"mode":"` + mode + `"}`)
				return c, receive(t, "the socket", deciding)
			}
			rooms := func() int { return n.Of(path, nil).Adapter().Rooms().Len() }

			admitted, connected := enter("admitted")
			admitted.next()
			if !connected.Rooms().Has("middleware") {
				t.Error("what a socket joins in a middleware is lost")
			}
			silent, waiting := enter("silent")
			_, refused := enter("refused")
			eventually(t, "a socket that waits is in its room, one that is refused is not", func() bool {
				return waiting.Rooms().Has("middleware") && !refused.Rooms().Has("middleware")
			})
			for _, c := range []*client{admitted, silent} {
				_ = c.ws.Close()
			}
			eventually(t, "the rooms are gone", func() bool { return rooms() == 0 })
			for _, s := range []*socket.Socket{connected, waiting, refused} {
				s.Join("late")
				s.Nsp().Adapter().AddAll(s.Id(), types.NewSet(socket.Room(s.Id()), "late"))
			}
			if got := rooms(); got != 0 {
				t.Errorf("%d rooms are left", got)
			}
			eventually(t, "the subscriptions are gone", func() bool {
				channels, err := n.client.PubSubShardChannels(t.Context(), "socket.io#"+path+"#*").Result()
				return err == nil && len(channels) == 2 // of all servers and of this one
			})
		})
	}
}

// TestJoinsThatRaceWithTheEnd: handlers join rooms while their connections end.
func TestJoinsThatRaceWithTheEnd(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	for name, n := range map[string]*node{
		"memory": startLonely(t), "pubsub": startNode(t, addr, settings{}),
		"sharded":  startNode(t, shardedAddr(addr, wire.Dynamic), settings{clusterOptions: clusterOptions{Prefix: "sharded"}}),
		"recovery": startNode(t, streamsAddr(addr), settings{recovery: &session.Options{}}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := make(chan struct{}, 64)
			for range cap(done) {
				c := join(t, n)
				s := c.socket()
				go func() { // ends after its joins
					for i := range 100 {
						s.Join(socket.Room("r" + string(rune('a'+i%26)) + string(rune('a'+i/26))))
					}
					done <- struct{}{}
				}()
				_ = c.ws.Close()
			}
			for range cap(done) {
				receive(t, "the end of the joins", done)
			}
			eventually(t, "no room is left", func() bool {
				return n.Sockets().Adapter().Rooms().Len() == 0 && n.Sockets().Adapter().Sids().Len() == 0
			})
		})
	}
}
