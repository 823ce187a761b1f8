package chat

import (
	"chorus/chat/rule"
	"chorus/codec"
)

// direct says something to a user: all sockets of that user hear it, and the sender's others.
func (c *Chat) direct(ca *call) error {
	user, err := codec.Arg[string](rule.EventDirect, ca.args, 0)
	if err != nil || rule.CheckName(rule.UserRoom(user)) != nil {
		return rule.BadRequest("direct: the first argument is not the id of a user")
	}
	p, err := ca.talk(user)
	if err != nil {
		return err
	}
	return ca.say(rule.EventDirect, p)
}
