package rooms

// Counts is how full the rooms of a namespace are on this server. The room of a socket's own id
// does not count.
type Counts struct {
	Rooms   int
	Members int // a socket in three rooms counts three times
}

// Counts returns how full the rooms of this namespace are on this server.
func (r *Local) Counts() Counts { return r.index.counts() }
