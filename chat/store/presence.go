package store

import (
	"context"
	"time"
)

// Member is a user as a token describes it.
type Member struct{ User, Name string }

// Present is a user in a room.
type Present struct {
	User    string
	Name    string
	Since   int64 // milliseconds since 1970
	Devices int   // sockets; 0 within the grace after the last one has left
	Data    []byte
}

// PresenceChange is what is new about the users of a room.
type PresenceChange struct {
	Joined, Changed []Present
	Left            []string
	Names           map[string]string // of those in Left, by id
	Count           int
	Reset           bool // something was missed: read the list
}

// PresencePage is a part of the list of users, by id.
type PresencePage struct {
	Users []Present
	Next  string // "" at the end
	Count int
}

// Presence knows which users are in which room, over the cluster.
type Presence interface {
	// Enter adds a socket of this node. It returns the number of users. Entering again changes nothing.
	Enter(ctx context.Context, room, socket string, who Member) (count int, err error)

	// Leave removes a socket. The user leaves with the last one, after the grace unless a socket enters meanwhile.
	Leave(ctx context.Context, room, socket string, grace time.Duration) (count int, err error)

	// List reads the users of a room. A limit of 0 reads the count alone.
	List(ctx context.Context, room, cursor string, limit int) (PresencePage, error)

	// Lookup returns a user in a room; false for none. A user within the grace is there with 0 devices.
	Lookup(ctx context.Context, room, user string) (Present, bool, error)

	// SetStatus sets the data of a user in a room, or with the room "" in all rooms that the user is in or enters; nil
	// removes it.
	SetStatus(ctx context.Context, user, room string, data []byte) error
}
