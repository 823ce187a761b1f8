package rule

import (
	"strings"

	"chorus/auth/permission"
	"chorus/auth/refusal"
)

// Place is what the name of a room in a request stands for: a room, or the conversation of two users. alice writes the
// conversation as "@bob", bob as "@alice".
type Place struct {
	Name   string     // as the client writes it
	Log    string     // the name of the log; that of the room
	Peer   string     // the other user of a conversation; "" for a room
	Topics []string   // where it is heard
	Policy RoomPolicy // what is kept and told
}

// TalkSign begins the names of conversations.
const TalkSign = "@"

// Room is the place of a room.
func (ps *Policies) Room(room string) Place {
	return Place{Name: room, Log: room, Topics: []string{room}, Policy: ps.Of(room)}
}

// Talk is the conversation of two users, as the first one sees it.
func (ps *Policies) Talk(user, peer string) Place {
	p := Place{Name: TalkSign + peer, Peer: peer, Log: talkLog(user, peer), Policy: RoomPolicy{History: ps.direct}}
	p.Topics = []string{UserRoom(user)}
	if peer != user {
		p.Topics = append(p.Topics, UserRoom(peer))
	}
	return p
}

// CheckTalk returns why a user cannot talk to another, nil when it can. user is "" for a client without a subject.
func CheckTalk(user, peer string) *Error {
	switch {
	case CheckUser(peer) != nil:
		return BadRequest(ErrUserID.Error())
	case user == "":
		return &Error{Code: refusal.CodeForbidden, Message: "only a user whose token has a subject can talk to another", Details: map[string]any{"action": string(permission.Direct)}}
	}
	return nil
}

// talkLog is the name of the log of two users: no room has such a name.
func talkLog(a, b string) string {
	if a > b {
		a, b = b, a
	}
	return TalkSign + a + "\n" + b
}

// Talkers returns the two users of a log, if it is that of a conversation.
func Talkers(log string) (a, b string, ok bool) {
	names, ok := strings.CutPrefix(log, TalkSign)
	if !ok {
		return "", "", false
	}
	return strings.Cut(names, "\n")
}

// CutTalk returns the user of the name of a conversation.
func CutTalk(name string) (user string, ok bool) { return strings.CutPrefix(name, TalkSign) }

// Room is the name of the room, "" for a conversation.
func (p Place) Room() string {
	if p.Peer != "" {
		return ""
	}
	return p.Log
}
