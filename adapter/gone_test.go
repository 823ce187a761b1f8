package adapter

import (
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestLateJoin: a socket that has ended joins nothing, until it begins anew with the room of its id.
func TestLateJoin(t *testing.T) {
	t.Parallel()
	x := newIndex()
	x.add("s", []socket.Room{"s", "r"})
	x.removeAll("s")
	x.add("s", []socket.Room{"r"})
	x.removeAll("refused") // by a middleware: it was in no room
	x.add("refused", []socket.Room{"r"})
	if rooms := x.allRooms(); len(rooms) != 0 {
		t.Errorf("the rooms are %q", rooms)
	}
	x.add("s", []socket.Room{"s"})
	x.add("s", []socket.Room{"r"})
	if rooms := x.roomsOf("s"); rooms == nil || !rooms.Has("r") {
		t.Error("a socket with its session again joins nothing")
	}
	for range maxGone + 1 {
		x.gone.add(socket.SocketId(string(rune(len(x.gone.young))) + "x"))
	}
	if n := len(x.gone.young) + len(x.gone.old); n > maxGone {
		t.Errorf("%d sockets are known", n)
	}
}
