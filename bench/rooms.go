package bench

import "strconv"

// roomsOf returns the numbers of the rooms that a client joins. All rooms have equally many members when the memberships
// can be divided so, clients of every server are in every room, and the rooms of a client differ.
//
// The memberships are dealt like cards, in as many deals as a client has rooms. In each deal the clients have another
// order, so that the members of a room meet different clients in their other rooms: deal d begins d/RoomsPerClient of
// the way through the clients, and d*d further, as no two differences between such places are the same.
func roomsOf(o *Options, client int) []int {
	if o.Rooms == 0 {
		return []int{0} // one room of all
	}
	rooms := make([]int, 0, o.RoomsPerClient)
	taken := make(map[int]bool, o.RoomsPerClient)
	place := placeOf(client, o.Connections, len(o.URLs))
	for deal := range o.RoomsPerClient {
		begin := deal*(o.Connections/o.RoomsPerClient) + deal*deal
		room := (deal*o.Connections + (place+begin)%o.Connections) % o.Rooms
		for taken[room] {
			room = (room + 1) % o.Rooms
		}
		taken[room] = true
		rooms = append(rooms, room)
	}
	return rooms
}

// placeOf returns the place of a client when they stand in the order of their servers, which they have in turn.
func placeOf(client, clients, servers int) int {
	server := client % servers
	return server*(clients/servers) + min(server, clients%servers) + client/servers
}

func roomNames(o *Options, numbers []int) []string {
	if o.Rooms == 0 {
		return nil
	}
	names := make([]string, len(numbers))
	for i, number := range numbers {
		names[i] = roomName(o, number)
	}
	return names
}

func roomName(o *Options, number int) string { return o.RoomPrefix + strconv.Itoa(number) }
