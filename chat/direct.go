package chat

import (
	"strings"

	"chorus/codec"
)

// direct says something to a user: all sockets of that user hear it, and the sender's others.
func (c *Chat) direct(ca *call) error {
	user, err := codec.Arg[string](eventDirect, ca.args, 0)
	if err != nil || checkRoom(userRoom(user)) != nil {
		return badRequest("direct: the first argument is not the id of a user")
	}
	p, err := ca.talk(user)
	if err != nil {
		return err
	}
	return ca.say(eventDirect, p)
}

// cutTalk returns the user of the name of a conversation.
func cutTalk(name string) (user string, ok bool) { return strings.CutPrefix(name, talkSign) }
