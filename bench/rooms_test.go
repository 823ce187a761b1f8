package bench

import (
	"testing"
)

func TestRoomsAreSpread(t *testing.T) {
	for name, test := range map[string]struct {
		clients, rooms, each, servers int
		shared                        int // rooms that two clients have in common, at most
	}{
		"no rooms":                   {clients: 7, each: 1, servers: 2, shared: 1},
		"one each":                   {clients: 1000, rooms: 100, each: 1, servers: 2, shared: 1},
		"one each on three servers":  {clients: 999, rooms: 9, each: 1, servers: 3, shared: 1},
		"ten each":                   {clients: 1000, rooms: 1000, each: 10, servers: 2, shared: 1},
		"ten each of a large number": {clients: 2000, rooms: 2000, each: 10, servers: 1, shared: 1},
		"fewer clients than rooms":   {clients: 500, rooms: 1000, each: 10, servers: 2, shared: 2},
		"fewer rooms than clients":   {clients: 1000, rooms: 200, each: 4, servers: 2, shared: 4},
		"all rooms":                  {clients: 12, rooms: 4, each: 4, servers: 2, shared: 4},
		"an odd number":              {clients: 7, rooms: 5, each: 3, servers: 3, shared: 3},
	} {
		o := Options{Connections: test.clients, Rooms: test.rooms, RoomsPerClient: test.each, URLs: make([]string, test.servers)}
		members := make([][]int, max(1, test.rooms))
		together := map[[2]int]int{}
		for client := range test.clients {
			rooms := roomsOf(&o, client)
			if len(rooms) != test.each {
				t.Fatalf("%s: client %d has the rooms %v", name, client, rooms)
			}
			for i, room := range rooms {
				for _, other := range rooms[:i] {
					if other == room {
						t.Errorf("%s: client %d has the rooms %v", name, client, rooms)
					}
				}
				for _, other := range members[room] {
					together[[2]int{other, client}]++
				}
				members[room] = append(members[room], client)
			}
		}
		for pair, count := range together {
			if count > test.shared {
				t.Fatalf("%s: clients %v share %d rooms, want at most %d", name, pair, count, test.shared)
			}
		}
		memberships := test.clients * test.each
		for room, clients := range members {
			if memberships%len(members) == 0 && len(clients) != memberships/len(members) {
				t.Errorf("%s: room %d has %d members, want %d", name, room, len(clients), memberships/len(members))
			}
			of := map[int]bool{}
			for _, client := range clients {
				of[client%test.servers] = true
			}
			if len(of) != test.servers && len(clients) >= 2*test.servers {
				t.Errorf("%s: the members of room %d are on %d of %d servers", name, room, len(of), test.servers)
			}
		}
	}
}
