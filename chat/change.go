package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"
	"chorus/codec"
)

// maxReactionKey bounds the key of a reaction in bytes.
const maxReactionKey = 64

// target returns the place and the id of the message that a request is about.
func (ca *call) target(event string) (rule.Place, string, error) {
	p, err := ca.place(event)
	if err != nil {
		return rule.Place{}, "", err
	}
	id, err := codec.Arg[string](event, ca.args, 1)
	if err != nil || !rule.MessageID.MatchString(id) {
		return rule.Place{}, "", rule.BadRequest(event + ": the second argument is not the id of a message: 1 to 64 characters A-Z a-z 0-9 _ - .")
	}
	if !p.Policy.History.Keeps() {
		// Who may not speak here does not get to know what is kept.
		if err := ca.allow(permission.Publish, p); err != nil {
			return rule.Place{}, "", err
		}
		return rule.Place{}, "", rule.NoHistory(p)
	}
	return p, id, nil
}

// moderates reports whether the client has the right to moderate a place. Nobody moderates a conversation of two.
func (ca *call) moderates(p rule.Place) bool {
	return p.Peer == "" && ca.permits(permission.Moderate, p.Name)
}

// mayChange returns why the client may not change messages in a place. A moderator need not be a member. Who is muted, or
// in a frozen room, may still delete.
func (ca *call) mayChange(p rule.Place, kind store.Kind) error {
	moderator := ca.moderates(p)
	if kind != store.KindDelete && !moderator {
		return ca.maySpeak(p)
	}
	ctx, cancel := ca.chat.context()
	defer cancel()
	if !moderator {
		if err := ca.allow(permission.Publish, p); err != nil {
			return err
		}
		if p.Peer == "" && !ca.mayPublish(ctx, p) {
			return ca.outside(ctx, p)
		}
	}
	standing, err := ca.standing(ctx, p)
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
func (ca *call) change(p rule.Place, kind store.Kind, id string) *store.Change {
	return &store.Change{
		Log: p.Log, Topics: p.Topics, Bounds: p.Policy.History, Kind: kind, ID: id,
		User: ca.user().ID, Moderator: ca.moderates(p), Origin: string(ca.socket.Id()),
	}
}

// apply makes a change for a client.
func (ca *call) apply(p rule.Place, change *store.Change) (store.Changed, error) {
	if change.User == "" && !change.Moderator {
		return store.Changed{}, rule.NeedsUser(p)
	}
	ctx, cancel := ca.chat.context()
	defer cancel()
	changed, err := ca.chat.store.Change(ctx, change)
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
func (c *Chat) edit(ca *call) error {
	p, id, err := ca.target(rule.EventEdit)
	if err != nil {
		return err
	}
	opts, err := option[editOptions](ca, rule.EventEdit, 3)
	if err != nil {
		return err
	}
	if opts.Version != nil && *opts.Version < 1 {
		return rule.BadRequest("edit: version is 1 or more")
	}
	if err := ca.mayChange(p, store.KindEdit); err != nil {
		return err
	}
	a := &Action{Kind: ActionEdit, client: ca.client, Room: p.Name, Value: ca.args[2], ID: id}
	if err := c.before(a); err != nil {
		return err
	}
	change := ca.change(p, store.KindEdit, id)
	if opts.Version != nil {
		change.Version = *opts.Version
	}
	if change.Value, change.Attach, err = c.valueOf(a.Value); err != nil {
		return err
	}
	if c.tells(notice.MessageEdited, p) && p.Peer == "" {
		change.Notice = noticeOf(p, ca.user(), &toldMessage{ID: id, Value: a.Value})
	}
	changed, err := ca.apply(p, change)
	c.after(a, err)
	if err != nil {
		return err
	}
	ca.ok(map[string]any{"id": id, "version": changed.Version, "editedAt": changed.EditedAt, "cursor": changed.Cursor})
	return nil
}

// valueOf encodes a value that is to be kept.
func (c *Chat) valueOf(value any) (data []byte, attach bool, err error) {
	data, attach, err = store.EncodeValue(value)
	if err != nil {
		return nil, false, err
	}
	if most := c.opts.MaxValue; len(data) > most {
		return nil, false, &rule.Error{Code: rule.CodeTooLarge, Message: fmt.Sprintf("the value has more than %d bytes", most), Details: map[string]any{"limit": most}}
	}
	return data, attach, nil
}

// remove deletes a message. History keeps that there was one.
func (c *Chat) remove(ca *call) error {
	p, id, err := ca.target(rule.EventDelete)
	if err != nil {
		return err
	}
	if err := ca.mayChange(p, store.KindDelete); err != nil {
		return err
	}
	a := &Action{Kind: ActionDelete, client: ca.client, Room: p.Name, ID: id}
	if err := c.before(a); err != nil {
		return err
	}
	change := ca.change(p, store.KindDelete, id)
	if c.tells(notice.MessageDeleted, p) && p.Peer == "" {
		change.Notice = noticeOf(p, ca.user(), &toldMessage{ID: id})
	}
	changed, err := ca.apply(p, change)
	c.after(a, err)
	if err != nil {
		return err
	}
	ca.ok(map[string]any{"id": id, "cursor": changed.Cursor})
	return nil
}

// react adds or removes the client's reaction to a message.
func (c *Chat) react(ca *call) error {
	p, id, err := ca.target(rule.EventReact)
	if err != nil {
		return err
	}
	key, err := codec.Arg[string](rule.EventReact, ca.args, 2)
	if err != nil || !isReactionKey(key) {
		return rule.BadRequest(fmt.Sprintf("react: the third argument is not a text of 1 to %d bytes without control characters", maxReactionKey))
	}
	on, err := codec.Arg[bool](rule.EventReact, ca.args, 3)
	if err != nil {
		return rule.BadRequest("react: the fourth argument is not true or false")
	}
	if err := ca.maySpeak(p); err != nil {
		return err
	}
	a := &Action{Kind: ActionReact, client: ca.client, Room: p.Name, ID: id}
	if err := c.before(a); err != nil {
		return err
	}
	change := ca.change(p, store.KindReact, id)
	change.User, change.Key, change.On = ca.presenceID(), key, on
	changed, err := ca.apply(p, change)
	c.after(a, err)
	if err != nil {
		return err
	}
	ca.ok(map[string]any{"reactions": view.Reactions(changed.Reactions)})
	return nil
}

func isReactionKey(key string) bool {
	return key != "" && len(key) <= maxReactionKey && utf8.ValidString(key) && !strings.ContainsFunc(key, unicode.IsControl)
}

// Edit gives a message of a room another value, for the program.
func (c *Chat) Edit(ctx context.Context, room, id string, value any, version int64) (store.Changed, error) {
	data, attach, err := c.valueOf(value)
	if err != nil {
		return store.Changed{}, err
	}
	return c.alter(ctx, room, &store.Change{Kind: store.KindEdit, ID: id, Value: data, Attach: attach, Version: version}, ActionEdit, value)
}

// Delete deletes a message of a room, for the program. History keeps that there was one; Purge leaves nothing.
func (c *Chat) Delete(ctx context.Context, room, id string) (store.Changed, error) {
	return c.alter(ctx, room, &store.Change{Kind: store.KindDelete, ID: id}, ActionDelete, nil)
}

func (c *Chat) alter(ctx context.Context, room string, change *store.Change, kind ActionKind, value any) (store.Changed, error) {
	p, err := c.keptPlace(room)
	if err != nil {
		return store.Changed{}, err
	}
	change.Log, change.Topics, change.Bounds, change.Moderator = p.Log, p.Topics, p.Policy.History, true
	if kind == ActionEdit && c.tells(notice.MessageEdited, p) || kind == ActionDelete && c.tells(notice.MessageDeleted, p) {
		change.Notice = noticeOf(p, rule.User{}, &toldMessage{ID: change.ID, Value: value})
	}
	changed, err := c.store.Change(ctx, change)
	c.after(&Action{Kind: kind, System: true, Room: room, ID: change.ID, Value: value}, err) // what the hooks give lives as long as the client
	return changed, err
}

// Purge removes messages of a room and all that belongs to them: one by its id, all of a user, or all. Topics is not used.
func (c *Chat) Purge(ctx context.Context, room string, what store.Purge) (removed int, err error) {
	p, err := c.keptPlace(room)
	if err != nil {
		return 0, err
	}
	what.Topics = p.Topics
	return c.store.Purge(ctx, p.Log, what)
}

// keptPlace is the place of a room that keeps a history.
func (c *Chat) keptPlace(room string) (rule.Place, error) {
	if err := rule.CheckName(room); err != nil {
		return rule.Place{}, rule.BadRequest(err.Error())
	}
	p := c.policies.Room(room)
	if !p.Policy.History.Keeps() {
		return rule.Place{}, rule.NoHistory(p)
	}
	return p, nil
}
