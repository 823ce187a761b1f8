package adapter

// RoomCounts is how full the rooms of a namespace are on this node. The room of a socket's own id
// does not count.
type RoomCounts struct {
	Rooms   int
	Members int // a socket in three rooms counts three times
}

// RoomCounts returns how full the rooms of this namespace are on this node.
func (l *local) RoomCounts() RoomCounts { return l.index.counts() }
