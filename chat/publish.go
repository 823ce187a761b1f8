package chat

import (
	"crypto/rand"
	"regexp"
	"strings"
	"time"

	"chorus/auth"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// messageID are the ids that clients may choose.
var messageID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// newID returns an id for a message.
func newID() string { return strings.ToLower(rand.Text()[:20]) }

// message sends a value to every client of the cluster.
func (c *Chat) message(ca *call) error {
	if !ca.permits(auth.ActionBroadcast, "") {
		return forbidden(auth.ActionBroadcast, "")
	}
	m := meta{ID: newID(), At: time.Now().UnixMilli(), From: from(ca.user())}
	event := []any{eventMessage, ca.args[0]}
	answer := map[string]any{}
	if c.opts.Meta {
		event = append(event, m.argument())
		answer["id"], answer["at"] = m.ID, m.At
	}
	ca.sendFor(eventMessage, event, nil, answer)
	return nil
}

// publishOptions are the last argument of "publish".
type publishOptions struct {
	ID       *string  `json:"id"`
	Mentions []string `json:"mentions"`
}

// publish sends a value to the members of a room, of which the sender must be one.
func (c *Chat) publish(ca *call) error {
	room, err := ca.room(eventPublish)
	if err != nil {
		return err
	}
	opts, err := option[publishOptions](ca, eventPublish, 2)
	switch {
	case err != nil:
		return err
	case opts.ID != nil && !messageID.MatchString(*opts.ID):
		return badRequest("the id of a message has 1 to 64 characters A-Z a-z 0-9 _ - .")
	case !ca.permits(auth.ActionPublish, room):
		return forbidden(auth.ActionPublish, room)
	case !ca.mayPublish(room):
		return &Error{Code: CodeNotJoined, Message: "join the room before you publish to it", Details: map[string]any{"room": room}}
	}
	m := meta{ID: newID(), At: time.Now().UnixMilli(), From: from(ca.user())}
	if opts.ID != nil {
		m.ID = *opts.ID
	}
	to := &socket.BroadcastOptions{Rooms: types.NewSet(socket.Room(room))}
	ca.sendFor(eventPublish, []any{eventPublish, room, ca.args[1], m.argument()}, to, map[string]any{"id": m.ID, "at": m.At})
	return nil
}

// mayPublish reports whether the client is where it must be to publish to a room. A client whose token permits it to
// publish but not to join need not join.
func (ca *call) mayPublish(room string) bool {
	return ca.chat.opts.PublishWithoutJoin || ca.member(room) || !ca.permits(auth.ActionJoin, room)
}
