package session

import (
	"context"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// store keeps sessions whose client is away and, for the case that this server is killed,
// those whose client is here.
type store interface {
	// find returns a session, nil when there is none.
	find(ctx context.Context, pid socket.PrivateSessionId) (*record, error)
	// take makes a session that was found this server's. It returns false when it has changed since.
	take(ctx context.Context, r *record) (bool, error)
	// changed is called when a session whose client is here has changed, and gone when the client has gone.
	changed(s *session)
	gone(pid socket.PrivateSessionId, d departure)
	// stats returns the figures as far as the store knows them.
	stats() Stats
}

// departure is the work that waits for a session whose client has gone.
type departure struct {
	record *record // what it was then; nil for its end
	holder string
}
