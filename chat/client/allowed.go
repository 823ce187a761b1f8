package client

import (
	"context"
	"errors"
	"strings"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/codec"
)

// Standing returns what moderation says about the client in a place. While Redis is away nobody knows, and nothing is
// in force.
func (cl *Client) Standing(ctx context.Context, p rule.Place) (store.Standing, error) {
	standing, err := cl.all.Store.Standing(ctx, p.Log, cl.PresenceID())
	if errors.Is(err, store.ErrUnavailable) && !p.Policy.History.Keeps() {
		return store.Standing{}, nil
	}
	return standing, err
}

// NotBanned returns the refusal of a client that is banned from a place, nil for others.
func (cl *Client) NotBanned(ctx context.Context, p rule.Place) error {
	return cl.mayBeThere(ctx, p, false)
}

// notMuted returns the refusal of a client that may not speak in a place.
func (cl *Client) notMuted(ctx context.Context, p rule.Place) error {
	return cl.mayBeThere(ctx, p, true)
}

func (cl *Client) mayBeThere(ctx context.Context, p rule.Place, speaks bool) error {
	standing, err := cl.Standing(ctx, p)
	if err != nil {
		return err
	}
	if refused := rule.RefusedBy(&standing, speaks); refused != nil {
		return refused
	}
	return nil
}

// MayTalk returns the refusal of a client that is muted or banned everywhere.
func (ca *Call) MayTalk() error {
	ctx, cancel := ca.all.Context()
	defer cancel()
	return ca.notMuted(ctx, ca.all.Policies.Room(""))
}

// Outside returns the refusal of a client that is not in a room. A banned client learns that it is banned.
func (ca *Call) Outside(ctx context.Context, p rule.Place) error {
	if standing, err := ca.Standing(ctx, p); err == nil && standing.Ban != nil {
		return rule.Barred(rule.CodeBanned, "you are banned", standing.Ban)
	}
	return rule.NotJoined(p.Name)
}

// Slowness returns the seconds of slow mode that are in force for the client, which are none for moderators.
func (ca *Call) Slowness(p rule.Place) (seconds int, err error) {
	ctx, cancel := ca.all.Context()
	defer cancel()
	standing, err := ca.Standing(ctx, p)
	if err != nil || standing.Slow <= 0 || ca.Moderates(p) {
		return 0, err
	}
	return standing.Slow, nil
}

// Place returns what the first argument of a request stands for.
func (ca *Call) Place(event string) (rule.Place, error) {
	name, err := ca.room(event)
	if err != nil {
		return rule.Place{}, err
	}
	peer, talk := strings.CutPrefix(name, rule.TalkSign)
	if !talk {
		return ca.all.Policies.Room(name), nil
	}
	return ca.Talk(peer)
}

// Talk is the conversation of the client and another user.
func (ca *Call) Talk(peer string) (rule.Place, error) {
	user := ca.User().ID
	if refused := rule.CheckTalk(user, peer); refused != nil {
		return rule.Place{}, refused
	}
	return ca.all.Policies.Talk(user, peer), nil
}

// Allow returns the refusal of an action that the token does not permit.
func (ca *Call) Allow(action permission.Action, p rule.Place) error {
	room := p.Name
	if p.Peer != "" {
		action, room = permission.Direct, ""
	}
	if !ca.Permits(action, room) {
		return auth.Forbidden(action, room)
	}
	return nil
}

// room returns the name of a room that is the first argument of a request.
func (ca *Call) room(event string) (string, error) {
	return rule.RoomOf(ca.all.Namespace, event, ca.Args)
}

// User returns who the client is, the zero User for a client without a token or without sub.
func (cl *Client) User() rule.User { return rule.UserOf(cl.Claims(), cl.all.Options.NameClaim) }

// Refusal returns what a client gets to know of an error.
func (c *Clients) Refusal(err error) *rule.Error { return rule.Refusal(err, c.Options.TotalOrder) }

// Permits reports whether a client may do something at this moment: a new token replaces the rights of the old one.
func (ca *Call) Permits(action permission.Action, room string) bool {
	return ca.all.Options.Open || rule.Permits(ca.Claims(), action, room)
}

// MaySpeak returns why the client may not publish in a place.
func (ca *Call) MaySpeak(p rule.Place) error {
	if err := ca.Allow(permission.Publish, p); err != nil {
		return err
	}
	ctx, cancel := ca.all.Context()
	defer cancel()
	if p.Peer == "" && !ca.MayPublish(ctx, p) {
		return ca.Outside(ctx, p)
	}
	return ca.notMuted(ctx, p)
}

// MayPublish reports whether the client is where it must be to publish to a room. A client whose token permits it to
// publish but not to join need not join. A client that has just connected need not join either, if its user is or was in
// the room a moment ago: with the option retries, a client sends what is pending before the program joins again.
func (ca *Call) MayPublish(ctx context.Context, p rule.Place) bool {
	if ca.all.Options.PublishWithoutJoin || ca.Member(p.Name) || !ca.Permits(permission.Join, p.Name) {
		return true
	}
	if time.Since(ca.Since) > ca.all.Options.Presence.Grace || ca.settled.Load() {
		return false
	}
	_, present, err := ca.all.Store.Lookup(ctx, p.Log, ca.PresenceID())
	return err == nil && present
}

// Target returns the place and the id of the message that a request is about.
func (ca *Call) Target(event string) (rule.Place, string, error) {
	p, err := ca.Place(event)
	if err != nil {
		return rule.Place{}, "", err
	}
	id, err := codec.Arg[string](event, ca.Args, 1)
	if err != nil || !rule.MessageID.MatchString(id) {
		return rule.Place{}, "", rule.BadRequest(event + ": the second argument is not the id of a message: 1 to 64 characters A-Z a-z 0-9 _ - .")
	}
	if !p.Policy.History.Keeps() {
		// A client that may not publish here does not learn what is kept.
		if err := ca.Allow(permission.Publish, p); err != nil {
			return rule.Place{}, "", err
		}
		return rule.Place{}, "", rule.NoHistory(p)
	}
	return p, id, nil
}

// Moderates reports whether the client has the right to moderate a place. Nobody moderates a conversation of two.
func (ca *Call) Moderates(p rule.Place) bool {
	return p.Peer == "" && ca.Permits(permission.Moderate, p.Name)
}

// TakeTurn takes the turn of the sender of a message that is not kept; the log does it for one that is. slow are the seconds
// of slow mode.
func (c *Clients) TakeTurn(ctx context.Context, log, sender string, slow int) error {
	if slow == 0 {
		return nil
	}
	wait, err := c.Store.Turn(ctx, log, sender, slow)
	if err != nil || wait <= 0 {
		return err
	}
	return &store.SlowError{Wait: wait}
}
