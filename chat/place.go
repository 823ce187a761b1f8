package chat

import (
	"strings"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
)

// place is what the name of a room in a request stands for: a room, or the conversation of two users. alice writes the
// conversation as "@bob", bob as "@alice".
type place struct {
	name   string     // as the client writes it
	log    string     // the name of the log; that of the room
	peer   string     // the other user of a conversation; "" for a room
	topics []string   // where it is heard
	policy RoomPolicy // what is kept and told
}

// talkSign begins the names of conversations.
const talkSign = "@"

// place returns what the first argument of a request stands for.
func (ca *call) place(event string) (place, error) {
	name, err := ca.room(event)
	if err != nil {
		return place{}, err
	}
	peer, talk := strings.CutPrefix(name, talkSign)
	if !talk {
		return ca.chat.roomPlace(name), nil
	}
	return ca.talk(peer)
}

// roomPlace is the place of a room.
func (c *Chat) roomPlace(room string) place {
	return place{name: room, log: room, topics: []string{room}, policy: c.policies.of(room)}
}

// talk is the conversation of the client and another user.
func (ca *call) talk(peer string) (place, error) {
	user := ca.user().ID
	switch {
	case peer == "":
		return place{}, badRequest("a user has a name")
	case user == "":
		return place{}, &Error{Code: refusal.CodeForbidden, Message: "only a user whose token has a subject can talk to another", Details: map[string]any{"action": string(permission.Direct)}}
	}
	return ca.chat.talkPlace(user, peer), nil
}

// talkPlace is the conversation of two users, as the first one sees it.
func (c *Chat) talkPlace(user, peer string) place {
	p := place{name: talkSign + peer, peer: peer, log: talkLog(user, peer), policy: RoomPolicy{History: c.opts.DirectHistory}}
	p.topics = []string{userRoom(user)}
	if peer != user {
		p.topics = append(p.topics, userRoom(peer))
	}
	return p
}

// talkLog is the name of the log of two users: no room has such a name.
func talkLog(a, b string) string {
	if a > b {
		a, b = b, a
	}
	return talkSign + a + "\n" + b
}

// talkers returns the two users of a log, if it is that of a conversation.
func talkers(log string) (a, b string, ok bool) {
	names, ok := strings.CutPrefix(log, talkSign)
	if !ok {
		return "", "", false
	}
	return strings.Cut(names, "\n")
}

// allow returns the refusal of an action that the token does not permit.
func (ca *call) allow(action permission.Action, p place) error {
	room := p.name
	if p.peer != "" {
		action, room = permission.Direct, ""
	}
	if !ca.permits(action, room) {
		return auth.Forbidden(action, room)
	}
	return nil
}
