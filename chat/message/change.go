package message

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/client"
	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"
	"chorus/codec"
)

// maxReactionKey bounds the key of a reaction in bytes.
const maxReactionKey = 64

// mayChange returns why the client may not change messages in a place. A moderator need not be a member. A user who
// is muted, or in a frozen room, may still delete.
func (c *Messages) mayChange(ca *client.Call, p rule.Place, kind store.Kind) error {
	moderator := ca.Moderates(p)
	if kind != store.KindDelete && !moderator {
		return ca.MaySpeak(p)
	}
	ctx, cancel := c.Context()
	defer cancel()
	if !moderator {
		if err := ca.Allow(permission.Publish, p); err != nil {
			return err
		}
		if p.Peer == "" && !ca.MayPublish(ctx, p) {
			return ca.Outside(ctx, p)
		}
	}
	standing, err := ca.Standing(ctx, p)
	switch {
	case err != nil:
		return err
	case standing.Ban != nil:
		return rule.Barred(rule.CodeBanned, "you are banned", standing.Ban)
	case standing.Mute != nil && kind != store.KindDelete:
		return rule.Barred(rule.CodeMuted, "you are muted", standing.Mute)
	}
	return nil
}

// change returns a change of a message by the client.
func (c *Messages) change(ca *client.Call, p rule.Place, kind store.Kind, id string) *store.Change {
	return &store.Change{
		Log: p.Log, Topics: p.Topics, Bounds: p.Policy.History, Kind: kind, ID: id,
		User: ca.User().ID, Moderator: ca.Moderates(p), Origin: string(ca.Socket.Id()),
	}
}

// apply makes a change for a client.
func (c *Messages) apply(p rule.Place, change *store.Change) (store.Changed, error) {
	if change.User == "" && !change.Moderator {
		return store.Changed{}, rule.NeedsUser(p)
	}
	ctx, cancel := c.Context()
	defer cancel()
	changed, err := c.Store.Change(ctx, change)
	return changed, changeError(err, p)
}

// changeError makes of an error of the store what the client gets to know.
func changeError(err error, p rule.Place) error {
	if errors.Is(err, store.ErrNotOwner) {
		return &rule.Error{Code: refusal.CodeForbidden, Message: "the message is another user's", Details: map[string]any{"action": string(permission.Moderate), "room": p.Name}}
	}
	return err
}

// editOptions are the last argument of "edit".
type editOptions struct {
	Version *int64 `json:"version"`
}

// edit gives a message another value.
func (c *Messages) edit(ca *client.Call) error {
	p, id, err := ca.Target(rule.EventEdit)
	if err != nil {
		return err
	}
	opts, err := client.Option[editOptions](ca, rule.EventEdit, 3)
	if err != nil {
		return err
	}
	if opts.Version != nil && *opts.Version < 1 {
		return rule.BadRequest("edit: version is 1 or more")
	}
	if err := c.mayChange(ca, p, store.KindEdit); err != nil {
		return err
	}
	a := ca.Action(client.Action{Kind: client.ActionEdit, Room: p.Name, Value: ca.Args[2], ID: id})
	if err := c.AskHooks(a); err != nil {
		return err
	}
	change := c.change(ca, p, store.KindEdit, id)
	if opts.Version != nil {
		change.Version = *opts.Version
	}
	if change.Value, change.Attach, err = c.valueOf(a.Value); err != nil {
		return err
	}
	if c.Tells(notice.MessageEdited, p.Room()) && p.Peer == "" {
		change.Notice = noticeOf(p, ca.User(), &toldMessage{ID: id, Value: a.Value})
	}
	changed, err := c.apply(p, change)
	c.TellHooks(a, err)
	if err != nil {
		return err
	}
	ca.OK(map[string]any{"id": id, "version": changed.Version, "editedAt": changed.EditedAt, "cursor": changed.Cursor})
	return nil
}

// valueOf encodes a value that is to be kept.
func (c *Messages) valueOf(value any) (data []byte, attach bool, err error) {
	data, attach, err = store.EncodeValue(value)
	if err != nil {
		return nil, false, err
	}
	if most := c.Options.MaxValue; len(data) > most {
		return nil, false, &rule.Error{Code: rule.CodeTooLarge, Message: fmt.Sprintf("the value has more than %d bytes", most), Details: map[string]any{"limit": most}}
	}
	return data, attach, nil
}

// remove deletes a message. History keeps that there was one.
func (c *Messages) remove(ca *client.Call) error {
	p, id, err := ca.Target(rule.EventDelete)
	if err != nil {
		return err
	}
	if err := c.mayChange(ca, p, store.KindDelete); err != nil {
		return err
	}
	a := ca.Action(client.Action{Kind: client.ActionDelete, Room: p.Name, ID: id})
	if err := c.AskHooks(a); err != nil {
		return err
	}
	change := c.change(ca, p, store.KindDelete, id)
	if c.Tells(notice.MessageDeleted, p.Room()) && p.Peer == "" {
		change.Notice = noticeOf(p, ca.User(), &toldMessage{ID: id})
	}
	changed, err := c.apply(p, change)
	c.TellHooks(a, err)
	if err != nil {
		return err
	}
	ca.OK(map[string]any{"id": id, "cursor": changed.Cursor})
	return nil
}

// react adds or removes the client's reaction to a message.
func (c *Messages) react(ca *client.Call) error {
	p, id, err := ca.Target(rule.EventReact)
	if err != nil {
		return err
	}
	key, err := codec.Arg[string](rule.EventReact, ca.Args, 2)
	if err != nil || !isReactionKey(key) {
		return rule.BadRequest(fmt.Sprintf("react: the third argument is not a text of 1 to %d bytes without control characters", maxReactionKey))
	}
	on, err := codec.Arg[bool](rule.EventReact, ca.Args, 3)
	if err != nil {
		return rule.BadRequest("react: the fourth argument is not true or false")
	}
	if err := ca.MaySpeak(p); err != nil {
		return err
	}
	a := ca.Action(client.Action{Kind: client.ActionReact, Room: p.Name, ID: id})
	if err := c.AskHooks(a); err != nil {
		return err
	}
	change := c.change(ca, p, store.KindReact, id)
	change.User, change.Key, change.On = ca.PresenceID(), key, on
	changed, err := c.apply(p, change)
	c.TellHooks(a, err)
	if err != nil {
		return err
	}
	ca.OK(map[string]any{"reactions": view.Reactions(changed.Reactions)})
	return nil
}

func isReactionKey(key string) bool {
	return key != "" && len(key) <= maxReactionKey && utf8.ValidString(key) && !strings.ContainsFunc(key, unicode.IsControl)
}

// Edit gives a message of a room another value, for the program.
func (c *Messages) Edit(ctx context.Context, room, id string, value any, version int64) (store.Changed, error) {
	data, attach, err := c.valueOf(value)
	if err != nil {
		return store.Changed{}, err
	}
	return c.alter(ctx, room, &store.Change{Kind: store.KindEdit, ID: id, Value: data, Attach: attach, Version: version}, client.ActionEdit, value)
}

// Delete deletes a message of a room, for the program. History keeps that there was one; Purge leaves nothing.
func (c *Messages) Delete(ctx context.Context, room, id string) (store.Changed, error) {
	return c.alter(ctx, room, &store.Change{Kind: store.KindDelete, ID: id}, client.ActionDelete, nil)
}

func (c *Messages) alter(ctx context.Context, room string, change *store.Change, kind client.ActionKind, value any) (store.Changed, error) {
	p, err := c.keptPlace(room)
	if err != nil {
		return store.Changed{}, err
	}
	change.Log, change.Topics, change.Bounds, change.Moderator = p.Log, p.Topics, p.Policy.History, true
	if kind == client.ActionEdit && c.Tells(notice.MessageEdited, p.Room()) || kind == client.ActionDelete && c.Tells(notice.MessageDeleted, p.Room()) {
		change.Notice = noticeOf(p, rule.User{}, &toldMessage{ID: change.ID, Value: value})
	}
	changed, err := c.Store.Change(ctx, change)
	c.TellHooks(client.SystemAction(rule.User{}, client.Action{Kind: kind, Room: room, ID: change.ID, Value: value}), err) // what the hooks give lives as long as the client
	return changed, err
}

// Purge removes messages of a room and all that belongs to them: one by its id, all of a user, or all. Topics is not used.
func (c *Messages) Purge(ctx context.Context, room string, what store.Purge) (removed int, err error) {
	p, err := c.keptPlace(room)
	if err != nil {
		return 0, err
	}
	what.Topics = p.Topics
	return c.Store.Purge(ctx, p.Log, what)
}

// keptPlace is the place of a room that keeps a history.
func (c *Messages) keptPlace(room string) (rule.Place, error) {
	if err := rule.CheckName(room); err != nil {
		return rule.Place{}, rule.BadRequest(err.Error())
	}
	p := c.Policies.Room(room)
	if !p.Policy.History.Keeps() {
		return rule.Place{}, rule.NoHistory(p)
	}
	return p, nil
}
