package rooms

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// consistent fails unless both directions of the index say the same, and no room is empty.
func consistent(t *testing.T, x *index) {
	t.Helper()
	x.mu.RLock()
	defer x.mu.RUnlock()
	for name, r := range x.rooms {
		if len(r.members) == 0 {
			t.Errorf("room %q is empty", name)
		}
		for m := range r.members {
			if !slices.Contains(m.rooms, r) {
				t.Errorf("room %q has %q, which does not know the room", name, m.id)
			}
		}
	}
	for id, m := range x.sids {
		if m.id != id {
			t.Errorf("socket %q is known as %q", m.id, id)
		}
		for i, r := range m.rooms {
			switch {
			case x.rooms[r.name] != r:
				t.Errorf("socket %q is in %q, which is not there", id, r.name)
			case !r.has(m):
				t.Errorf("socket %q is in %q, which does not know the socket", id, r.name)
			case slices.Contains(m.rooms[:i], r):
				t.Errorf("socket %q is in %q twice", id, r.name)
			}
		}
	}
}

func forget(x *index, id socket.SocketId) []change { return x.removeAll(id) }

func sorted[S ~[]E, E ~string](s S) []E {
	out := slices.Clone(s)
	slices.Sort(out)
	return out
}

func TestIndexChanges(t *testing.T) {
	t.Parallel()
	x := newIndex()
	for _, step := range []struct {
		name string
		do   func() []change
		want []change
	}{
		{"the first member makes the room",
			func() []change { return x.add("A", []socket.Room{"r"}) },
			[]change{{room: "r", moved: true, edge: true, socket: "A"}}},
		{"the second does not",
			func() []change { return x.add("B", []socket.Room{"r"}) },
			[]change{{room: "r", moved: true, socket: "B"}}},
		{"a member who joins again changes nothing",
			func() []change { return x.add("A", []socket.Room{"r"}) },
			[]change{{room: "r", socket: "A"}}},
		{"one leaves",
			func() []change { return []change{x.remove("A", "r")} },
			[]change{{room: "r", moved: true, socket: "A"}}},
		{"and leaves again",
			func() []change { return []change{x.remove("A", "r")} },
			[]change{{room: "r", socket: "A"}}},
		{"the last one ends the room",
			func() []change { return []change{x.remove("B", "r")} },
			[]change{{room: "r", moved: true, edge: true, socket: "B"}}},
		{"which has ended",
			func() []change { return []change{x.remove("B", "r")} },
			[]change{{room: "r", socket: "B"}}},
		{"somebody unknown leaves",
			func() []change { return []change{x.remove("Z", "nowhere")} },
			[]change{{room: "nowhere", socket: "Z"}}},
		{"a socket in one room",
			func() []change { return x.add("C", []socket.Room{"s"}) },
			[]change{{room: "s", moved: true, edge: true, socket: "C"}}},
		{"is forgotten",
			func() []change { return forget(x, "C") },
			[]change{{room: "s", moved: true, edge: true, socket: "C"}}},
		{"once",
			func() []change { return forget(x, "C") },
			nil},
	} {
		if got := step.do(); !slices.Equal(got, step.want) {
			t.Errorf("%s: got %+v, want %+v", step.name, got, step.want)
		}
		consistent(t, x)
	}
	x.removeAll("A")
	x.removeAll("B")
	if len(x.rooms) != 0 || len(x.sids) != 0 {
		t.Errorf("the index is not empty: %v, %v", x.rooms, x.sids)
	}
}

func TestIndexSelect(t *testing.T) {
	t.Parallel()
	x := newIndex()
	x.add("A", []socket.Room{"A", "r", "s"})
	x.add("B", []socket.Room{"B", "r"})
	x.add("C", []socket.Room{"C", "s"})
	x.add("D", nil)
	for _, test := range []struct {
		name          string
		rooms, except []socket.Room
		want          []socket.SocketId
		any           bool // before except
	}{
		{"all", nil, nil, []socket.SocketId{"A", "B", "C", "D"}, true},
		{"all but a room", nil, []socket.Room{"r"}, []socket.SocketId{"C", "D"}, true},
		{"one room", []socket.Room{"r"}, nil, []socket.SocketId{"A", "B"}, true},
		{"one room but another", []socket.Room{"r"}, []socket.Room{"s"}, []socket.SocketId{"B"}, true},
		{"two rooms, each once", []socket.Room{"r", "s"}, nil, []socket.SocketId{"A", "B", "C"}, true},
		{"two rooms but two sockets", []socket.Room{"r", "s"}, []socket.Room{"A", "C"}, []socket.SocketId{"B"}, true},
		{"a socket", []socket.Room{"A"}, nil, []socket.SocketId{"A"}, true},
		{"nobody", []socket.Room{"nowhere"}, nil, nil, false},
		{"nobody and somebody", []socket.Room{"nowhere", "s"}, nil, []socket.SocketId{"A", "C"}, true},
		{"a room without itself", []socket.Room{"r"}, []socket.Room{"r"}, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := sorted(x.selectIDs(test.rooms, test.except)); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if got := x.hasAny(test.rooms); got != test.any {
				t.Errorf("hasAny is %v", got)
			}
		})
	}
	if newIndex().hasAny(nil) {
		t.Error("an empty index has somebody")
	}
}

func TestIndexReturnsCopies(t *testing.T) {
	t.Parallel()
	x := newIndex()
	x.add("A", []socket.Room{"r"})
	x.roomsOf("A").Add("forged")
	if members, ok := x.roomsSnapshot().Load("r"); !ok || !members.Has("A") {
		t.Error("the snapshot by room misses the member")
	} else {
		members.Add("forged")
	}
	if rooms, ok := x.sidsSnapshot().Load("A"); !ok || !rooms.Has("r") {
		t.Error("the snapshot by socket misses the room")
	} else {
		rooms.Add("forged")
	}
	if x.roomsOf("nobody") != nil {
		t.Error("an unknown socket has rooms")
	}
	if got := x.allRooms(); !slices.Equal(got, []socket.Room{"r"}) {
		t.Errorf("the rooms are %v", got)
	}
	if x.has("forged") {
		t.Error("the index has a room that was put into a copy")
	}
	consistent(t, x)
}

// TestIndexUnderConcurrency joins, leaves and forgets sockets from many goroutines in few rooms, so
// that a room often ends while somebody joins it.
func TestIndexUnderConcurrency(t *testing.T) {
	t.Parallel()
	x := newIndex()
	rooms := []socket.Room{"a", "b", "c"}
	var mu sync.Mutex
	members := make(map[socket.Room]int) // as the changes tell it
	count := func(by int, changes ...change) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range changes {
			if c.moved {
				members[c.room] += by
			}
		}
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 2000 {
				id := socket.SocketId(fmt.Sprint(random.IntN(4))) // shared by the workers
				room := rooms[random.IntN(len(rooms))]
				switch random.IntN(5) {
				case 0, 1:
					count(+1, x.add(id, []socket.Room{room, rooms[0]})...)
				case 2:
					count(-1, x.remove(id, room))
				case 3:
					count(-1, forget(x, id)...)
				default:
					x.selectIDs(rooms, rooms[:1])
					x.selectIDs(nil, nil)
					x.roomsOf(id)
					x.hasAny(rooms)
				}
			}
		})
	}
	wg.Wait()
	consistent(t, x)
	for _, room := range rooms {
		got := 0
		x.eachMember(room, func(*member) { got++ })
		if got != members[room] {
			t.Errorf("room %q has %d members, the changes say %d", room, got, members[room])
		}
	}
	for id := range 4 {
		x.removeAll(socket.SocketId(fmt.Sprint(id)))
	}
	if len(x.rooms) != 0 || len(x.sids) != 0 {
		t.Errorf("left behind: %v, %v", x.rooms, x.sids)
	}
}

// TestRoomEvents checks the events of the library's adapter: a room is created with its first
// member and deleted with its last.
func TestRoomEvents(t *testing.T) {
	t.Parallel()
	l := New(socket.NewServer(nil, nil).Of("/", nil))
	var got []string
	for _, name := range []types.EventName{"create-room", "join-room", "leave-room", "delete-room"} {
		if err := l.On(name, func(args ...any) { got = append(got, fmt.Sprint(append([]any{name}, args...)...)) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		want []string
	}{
		{"first joins", func() { l.AddAll("A", types.NewSet[socket.Room]("r")) }, []string{"create-roomr", "join-roomrA"}},
		{"first joins again", func() { l.AddAll("A", types.NewSet[socket.Room]("r")) }, nil},
		{"second joins", func() { l.AddAll("B", types.NewSet[socket.Room]("r")) }, []string{"join-roomrB"}},
		{"first leaves", func() { l.Del("A", "r") }, []string{"leave-roomrA"}},
		{"first leaves again", func() { l.Del("A", "r") }, nil},
		{"second goes", func() { l.DelAll("B") }, []string{"leave-roomrB", "delete-roomr"}},
		{"second goes again", func() { l.DelAll("B") }, nil},
		{"a stranger leaves", func() { l.Del("Z", "r") }, nil},
	} {
		got = nil
		step.do()
		if !slices.Equal(got, step.want) {
			t.Errorf("%s: events %q, want %q", step.name, got, step.want)
		}
	}
}
