package message

import (
	"chorus/chat/client"
	"chorus/chat/rule"
	"chorus/codec"
)

// direct says something to a user: all sockets of that user hear it, and the sender's others.
func (c *Messages) direct(ca *client.Call) error {
	user, err := codec.Arg[string](rule.EventDirect, ca.Args, 0)
	if err != nil || rule.CheckName(rule.UserRoom(user)) != nil {
		return rule.BadRequest("direct: the first argument is not the id of a user")
	}
	p, err := ca.Talk(user)
	if err != nil {
		return err
	}
	return c.say(ca, rule.EventDirect, p)
}
