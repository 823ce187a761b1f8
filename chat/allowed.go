package chat

import (
	"context"
	"errors"
	"strings"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/rule"
	"chorus/chat/store"
)

// standing returns what moderation says about the client in a place. While Redis is away nobody knows, and nothing is
// in force.
func (cl *client) standing(ctx context.Context, p rule.Place) (store.Standing, error) {
	standing, err := cl.chat.store.Standing(ctx, p.Log, cl.presenceID())
	if errors.Is(err, store.ErrUnavailable) && !p.Policy.History.Keeps() {
		return store.Standing{}, nil
	}
	return standing, err
}

// notBanned returns the refusal of a client whom a ban keeps out of a place.
func (cl *client) notBanned(ctx context.Context, p rule.Place) error {
	return cl.mayBeThere(ctx, p, false)
}

// notMuted returns the refusal of a client that may not speak in a place.
func (cl *client) notMuted(ctx context.Context, p rule.Place) error {
	return cl.mayBeThere(ctx, p, true)
}

func (cl *client) mayBeThere(ctx context.Context, p rule.Place, speaks bool) error {
	standing, err := cl.standing(ctx, p)
	if err != nil {
		return err
	}
	if refused := rule.RefusedBy(&standing, speaks); refused != nil {
		return refused
	}
	return nil
}

// mayTalk returns the refusal of a client that is muted or banned everywhere.
func (ca *call) mayTalk() error {
	ctx, cancel := ca.chat.context()
	defer cancel()
	return ca.notMuted(ctx, ca.chat.policies.Room(""))
}

// outside is the refusal of a client that is not in a room: who is banned is told so.
func (ca *call) outside(ctx context.Context, p rule.Place) error {
	if standing, err := ca.standing(ctx, p); err == nil && standing.Ban != nil {
		return rule.Barred(rule.CodeBanned, "you are banned", standing.Ban)
	}
	return rule.NotJoined(p.Name)
}

// slowness returns the seconds of slow mode that are in force for the client, which are none for moderators.
func (ca *call) slowness(p rule.Place) (seconds int, err error) {
	ctx, cancel := ca.chat.context()
	defer cancel()
	standing, err := ca.standing(ctx, p)
	if err != nil || standing.Slow <= 0 || ca.moderates(p) {
		return 0, err
	}
	return standing.Slow, nil
}

// takeTurn takes the turn of the sender of a message that is not kept; the log does it for one that is.
func (c *Chat) takeTurn(ctx context.Context, m *outgoing) error {
	if m.slow == 0 {
		return nil
	}
	wait, err := c.store.Turn(ctx, m.place.Log, m.sender, m.slow)
	if err != nil || wait <= 0 {
		return err
	}
	return &store.SlowError{Wait: wait}
}

// place returns what the first argument of a request stands for.
func (ca *call) place(event string) (rule.Place, error) {
	name, err := ca.room(event)
	if err != nil {
		return rule.Place{}, err
	}
	peer, talk := strings.CutPrefix(name, rule.TalkSign)
	if !talk {
		return ca.chat.policies.Room(name), nil
	}
	return ca.talk(peer)
}

// talk is the conversation of the client and another user.
func (ca *call) talk(peer string) (rule.Place, error) {
	user := ca.user().ID
	switch {
	case peer == "":
		return rule.Place{}, rule.BadRequest("a user has a name")
	case user == "":
		return rule.Place{}, &rule.Error{Code: refusal.CodeForbidden, Message: "only a user whose token has a subject can talk to another", Details: map[string]any{"action": string(permission.Direct)}}
	}
	return ca.chat.policies.Talk(user, peer), nil
}

// allow returns the refusal of an action that the token does not permit.
func (ca *call) allow(action permission.Action, p rule.Place) error {
	room := p.Name
	if p.Peer != "" {
		action, room = permission.Direct, ""
	}
	if !ca.permits(action, room) {
		return auth.Forbidden(action, room)
	}
	return nil
}

// room returns the name of a room that is the first argument of a request.
func (ca *call) room(event string) (string, error) { return rule.RoomOf(ca.chat.nsp, event, ca.args) }

// user returns who the client is, the zero User for a client without a token or without sub.
func (cl *client) user() rule.User { return rule.UserOf(cl.claims(), cl.chat.opts.NameClaim) }

// refusalOf returns what a client gets to know of an error.
func (c *Chat) refusalOf(err error) *rule.Error { return rule.Refusal(err, c.opts.TotalOrder) }
